"""Configuration: built-in defaults, then `config.toml`, then the environment; every mistake is reported at once."""

import ipaddress
import os
import re
import tomllib
import typing
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway import reach

ENVIRONMENT_PREFIX = "GATEWAY_"
ALIASES = {"DATABASE_URL": "database.url", "REDIS_URL": "queue.url"}


class ConfigError(Exception):
    """The configuration has mistakes; `lines` holds one sentence for each, naming the key."""

    def __init__(self, lines: list[str]):
        super().__init__("\n".join(lines))
        self.lines = lines


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One table of `config.toml`."""


Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Rate = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=0, le=10_000_000)]


class Server(Section):
    host: Annotated[str, Meta(min_length=1, description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="port to listen on")] = 8000
    public_url: Annotated[str, Meta(description="how the outside reaches this server; empty: from host and port")] = ""
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="networks whose X-Forwarded-For is believed, such as 127.0.0.1/32")
    ] = ()


class DatabaseSection(Section):
    url: Annotated[str, Meta(description="sqlite:///FILE or postgresql://…; empty: gateway.db beside the data")] = ""


class Queue(Section):
    url: Annotated[str, Meta(description="sqlite:///FILE or redis://…; empty: queue.db beside the data")] = ""


class Simulator(Section):
    delay_min: Annotated[Seconds, Meta(description="shortest time a simulated bank takes, in seconds")] = 5.0
    delay_max: Annotated[Seconds, Meta(description="longest time a simulated bank takes, in seconds")] = 10.0
    upi_success_rate: Annotated[Rate, Meta(description="share of UPI payments that succeed")] = 0.90
    card_success_rate: Annotated[Rate, Meta(description="share of all other payments that succeed")] = 0.95
    seed: Annotated[str, Meta(description="makes a run repeatable; empty: by chance")] = ""


class Payments(Section):
    capture: Annotated[
        typing.Literal["automatic", "manual"], Meta(description="capture at once, or when the merchant says so")
    ] = "automatic"
    action_expires: Annotated[Seconds, Meta(description="seconds a customer has for 3-D Secure or the UPI app")] = 900.0


class Webhooks(Section):
    retry_seconds: Annotated[
        tuple[Seconds, ...], Meta(max_length=50, description="waits after the first, immediate attempt")
    ] = (60.0, 300.0, 1800.0, 7200.0, 86400.0)
    jitter: Annotated[Rate, Meta(description="share by which a wait may be longer, so that retries spread")] = 0.1
    timeout: Annotated[
        float, Meta(gt=0, le=60, description="seconds, wall clock, for one whole attempt")
    ] = 10.0
    allow_private: Annotated[
        tuple[str, ...], Meta(description="private networks that may be called, such as 10.0.0.0/8")
    ] = ()
    rotation_hours: Annotated[
        float, Meta(ge=0, le=168, description="hours during which the old secret signs beside the new one")
    ] = 24.0
    disable_after_days: Annotated[
        float, Meta(ge=0, le=365, description="days of failures alone after which an endpoint is disabled; 0: never")
    ] = 5.0
    log_days: Annotated[
        float, Meta(ge=0, le=3650, description="days that attempts stay in the log; 0: for ever")
    ] = 90.0


class Limits(Section):
    requests_per_minute: Annotated[Count, Meta(description="requests per API key; 0: no limit")] = 600
    address_requests_per_minute: Annotated[
        Count, Meta(description="requests without a key, per address; 0: no limit")
    ] = 600
    logins_per_minute: Annotated[Count, Meta(description="password attempts per address; 0: no limit")] = 10
    attempts_per_order: Annotated[Count, Meta(description="customers' tries per order and hour; 0: no limit")] = 5


class Security(Section):
    master_key: Annotated[
        str, Meta(description="base64 of 32 bytes that seal all secrets; empty: master.key beside the data")
    ] = ""


class Mail(Section):
    host: Annotated[str, Meta(description="the mail server that takes notifications; empty: none are sent")] = ""
    port: Annotated[int, Meta(ge=1, le=65_535, description="465 for TLS from the start, otherwise STARTTLS")] = 587
    user: Annotated[str, Meta(description="user name at the mail server; empty: none is asked for")] = ""
    password: Annotated[str, Meta(description="password at the mail server")] = ""
    sender: Annotated[str, Meta(description="the address that notifications come from")] = ""


class Log(Section):
    level: Annotated[
        typing.Literal["debug", "info", "warning", "error"], Meta(description="the least important line to write")
    ] = "info"
    requests: Annotated[
        typing.Literal["none", "refused", "all"], Meta(description="which requests get a line")
    ] = "refused"
    format: Annotated[typing.Literal["text", "json"], Meta(description="for people or for machines")] = "text"


class Config(Section):
    """Everything that can be set. Attributes are the sections; `data_dir` comes from the command line."""

    data_dir: Path
    demo: bool = False
    server: Server = Server()
    database: DatabaseSection = DatabaseSection()
    queue: Queue = Queue()
    simulator: Simulator = Simulator()
    payments: Payments = Payments()
    webhooks: Webhooks = Webhooks()
    limits: Limits = Limits()
    security: Security = Security()
    mail: Mail = Mail()
    log: Log = Log()

    @property
    def database_url(self) -> str:
        return self.database.url or f"sqlite:///{self.data_dir / 'gateway.db'}"

    @property
    def queue_url(self) -> str:
        return self.queue.url or f"sqlite:///{self.data_dir / 'queue.db'}"

    @property
    def public_url(self) -> str:
        return self.server.public_url.rstrip("/") or reach.url(self.server.host, self.server.port)

    @property
    def private_networks(self) -> tuple:
        """The networks of `webhooks.allow_private`; the demo may call receivers on its own machine."""
        loopback = ("127.0.0.0/8", "::1/128") if self.demo else ()
        return tuple(map(ipaddress.ip_network, (*self.webhooks.allow_private, *loopback)))


SECTIONS = {
    name: kind
    for name, kind in typing.get_type_hints(Config).items()
    if isinstance(kind, type) and issubclass(kind, Section)
}
WORDS = {"float": "number", "int": "whole number", "str": "text", "array": "list"}
SECRET_KEYS = ("security.master_key", "mail.password")
NETWORK_KEYS = ("webhooks.allow_private", "server.trusted_proxies")


def settings() -> list[tuple[str, object, str]]:
    """Every key with its default and what it means, for the docs and `config.example.toml`."""
    return [
        (f"{name}.{field.name}", field.default, _description(field))
        for name, section in SECTIONS.items()
        for field in msgspec.structs.fields(section)
    ]


def load(
    *, data_dir: Path, file: Path | None = None, environment=None, flags: dict | None = None, demo: bool = False
) -> Config:
    """Reads all sources and returns the configuration; raises `ConfigError` with every mistake found.

    `flags` are values of the command line, by key (`{"server.port": 8001}`), and win over everything.
    """
    environment = os.environ if environment is None else environment
    given, mistakes = _from_file(_config_file(file, data_dir))
    given |= _from_environment(environment, mistakes)
    given |= {key: (value, "the command line") for key, value in (flags or {}).items() if value is not None}
    values = {key: _checked(key, value, source, mistakes) for key, (value, source) in given.items()}
    if mistakes:
        raise ConfigError(mistakes)
    _settle_delays(values)
    config = Config(data_dir=data_dir, demo=demo, **{name: _section(name, values) for name in SECTIONS})
    _check_together(config, mistakes)
    if mistakes:
        raise ConfigError(mistakes)
    return _for_demo(config, values) if demo else config


def _config_file(file: Path | None, data_dir: Path) -> Path | None:
    if file:
        return file
    return next((path for path in (Path("config.toml"), data_dir / "config.toml") if path.is_file()), None)


def _from_file(path: Path | None) -> tuple[dict, list[str]]:
    if path is None:
        return {}, []
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return {}, [f"{path}: {error}"]
    given, mistakes = {}, []
    for name, table in document.items():
        if not isinstance(table, dict):
            mistakes.append(f"{path}: {name} must stand in a section such as [server]")
            continue
        given |= {f"{name}.{key}": (value, str(path)) for key, value in table.items()}
    return given, mistakes


def _from_environment(environment, mistakes: list[str]) -> dict:
    given = {key: (environment[name], name) for name, key in ALIASES.items() if environment.get(name)}
    for name, value in environment.items():
        if name.startswith(ENVIRONMENT_PREFIX):
            section, _, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().partition("_")
            given[f"{section}.{key}"] = (value, name)
    return given


def _checked(key: str, value, source: str, mistakes: list[str]):
    """The value in its type, or None and a line in `mistakes`."""
    section, _, name = key.partition(".")
    fields = {field.name: field for field in msgspec.structs.fields(SECTIONS[section])} if section in SECTIONS else {}
    if name not in fields:
        near = get_close_matches(key, [known for known, _, _ in settings()], 1)
        mistakes.append(f"{key}: no such key (from {source})" + (f"; did you mean {near[0]}?" if near else ""))
        return None
    from_text = isinstance(value, str)
    if from_text and typing.get_origin(_plain(fields[name].type)) is tuple:
        value = [part.strip() for part in value.strip("[] ").split(",") if part.strip()]
    try:
        converted = msgspec.convert(value, fields[name].type, strict=not from_text)
        if key in NETWORK_KEYS:
            [ipaddress.ip_network(network) for network in converted]
        return converted
    except (msgspec.ValidationError, ValueError) as error:
        shown = "***" if key in SECRET_KEYS else repr(value)
        expected = _plainly(error, fields[name].type)
        mistakes.append(f"{key}: {_description(fields[name])}; {expected}, got {shown} (from {source})")
        return None


def _plainly(error: Exception, kind) -> str:
    if typing.get_origin(_plain(kind)) is typing.Literal:
        return f"expected {' or '.join(typing.get_args(_plain(kind)))}"
    plain = str(error).split(" - at ")[0].split(", got ")[0].replace("`", "").replace("Expected", "expected")
    return re.sub("(?<=expected )(float|int|str|array)", lambda found: WORDS[found[0]], plain)


def _plain(annotated):
    return typing.get_args(annotated)[0] if typing.get_origin(annotated) is Annotated else annotated


def _description(field) -> str:
    meta = [part for part in typing.get_args(field.type) if isinstance(part, Meta) and part.description]
    return meta[-1].description if meta else field.name


def _section(name: str, values: dict):
    given = {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}
    return SECTIONS[name](**given)


def _settle_delays(values: dict) -> None:
    """Who sets only one end of the bank's delay does not have to know the default of the other."""
    low, high = "simulator.delay_min", "simulator.delay_max"
    if low in values and high not in values:
        values[high] = max(values[low], Simulator().delay_max)
    if high in values and low not in values:
        values[low] = min(values[high], Simulator().delay_min)


def _check_together(config: Config, mistakes: list[str]) -> None:
    if config.simulator.delay_min > config.simulator.delay_max:
        mistakes.append("simulator.delay_max: must not be below simulator.delay_min")
    if not re.match("(sqlite:///|postgres(ql)?://).", config.database_url):
        mistakes.append("database.url: expected sqlite:///FILE or postgresql://…")
    if not re.match("(sqlite:///|rediss?://|unix://).", config.queue_url):
        mistakes.append("queue.url: expected sqlite:///FILE or redis://…")
    if config.server.public_url and not config.server.public_url.startswith(("http://", "https://")):
        mistakes.append("server.public_url: expected http://… or https://…")


def _for_demo(config: Config, values: dict) -> Config:
    """The demo has no rate limits, unless somebody asks for one."""
    names = ("requests_per_minute", "address_requests_per_minute", "logins_per_minute")
    off = {name: 0 for name in names if f"limits.{name}" not in values}
    return msgspec.structs.replace(config, limits=msgspec.structs.replace(config.limits, **off))
