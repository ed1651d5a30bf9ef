"""Configuration: defaults, then the file, then the environment, then the command line; mistakes all at once."""

from pathlib import Path

import pytest

from gateway import config
from gateway.config import Config, ConfigError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory without anybody's config.toml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(toml: str | None = None, environment: dict | None = None, **options) -> Config:
    data = Path("data")
    data.mkdir(exist_ok=True)
    if toml is not None:
        (data / "config.toml").write_text(toml)
    return config.load(data_dir=data, environment=environment or {}, **options)


def mistakes(toml: str | None = None, environment: dict | None = None, **options) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(toml, environment, **options)
    return refused.value.lines


# What the contract promises

CONTRACT = {
    "server.host": "127.0.0.1", "server.port": 8000, "server.public_url": "http://127.0.0.1:8000",
    "database.url": "sqlite:///data/gateway.db", "queue.url": "sqlite:///data/queue.db",
    "simulator.delay_min": 5, "simulator.delay_max": 10,
    "simulator.upi_success_rate": 0.9, "simulator.card_success_rate": 0.95,
    "payments.capture": "automatic", "webhooks.retry_seconds": (60, 300, 1800, 7200, 86400), "webhooks.timeout": 10,
    "webhooks.allow_private": (), "limits.requests_per_minute": 600,
}  # fmt: skip
DERIVED = {"server.public_url": "public_url", "database.url": "database_url", "queue.url": "queue_url"}


def value(loaded: Config, key: str):
    if key in DERIVED:
        return getattr(loaded, DERIVED[key])
    section, _, name = key.partition(".")
    return getattr(getattr(loaded, section), name)


@pytest.mark.parametrize("key", CONTRACT)
def test_the_defaults_are_the_contracts(key):
    assert value(load(), key) == CONTRACT[key]


# Who wins

TOML = "[server]\nport = 8001\n"
ENVIRONMENT = {"GATEWAY_SERVER_PORT": "8002"}
FLAGS = {"server.port": 8003}


@pytest.mark.parametrize(
    ("toml", "environment", "flags", "port"),
    [
        (None, None, None, 8000),
        (TOML, None, None, 8001),
        (None, ENVIRONMENT, None, 8002),
        (TOML, ENVIRONMENT, None, 8002),
        (None, None, FLAGS, 8003),
        (TOML, ENVIRONMENT, FLAGS, 8003),
        (TOML, ENVIRONMENT, {"server.port": None}, 8002),
    ],
)
def test_the_later_source_wins(toml, environment, flags, port):
    assert load(toml, environment, flags=flags).server.port == port


def test_a_file_that_is_named_replaces_the_one_that_is_found():
    Path("mine.toml").write_text("[server]\nport = 9000\n")
    assert load(TOML, file=Path("mine.toml")).server.port == 9000


def test_a_file_here_goes_before_the_one_beside_the_data():
    Path("config.toml").write_text("[server]\nport = 9000\n")
    assert load(TOML).server.port == 9000


@pytest.mark.parametrize(
    ("environment", "database", "queue"),
    [
        ({"DATABASE_URL": "postgresql://h/a"}, "postgresql://h/a", "sqlite:///data/queue.db"),
        ({"REDIS_URL": "redis://h/0"}, "sqlite:///data/gateway.db", "redis://h/0"),
        ({"DATABASE_URL": "postgresql://h/a", "GATEWAY_DATABASE_URL": "postgresql://h/b"}, "postgresql://h/b",
         "sqlite:///data/queue.db"),
        ({"DATABASE_URL": "", "REDIS_URL": ""}, "sqlite:///data/gateway.db", "sqlite:///data/queue.db"),
    ],
)  # fmt: skip
def test_the_usual_names_are_understood(environment, database, queue):
    loaded = load(environment=environment)
    assert (loaded.database_url, loaded.queue_url) == (database, queue)


# Values

@pytest.mark.parametrize(
    ("name", "text", "key", "expected"),
    [
        ("GATEWAY_SIMULATOR_DELAY_MIN", "0", "simulator.delay_min", 0),
        ("GATEWAY_SIMULATOR_UPI_SUCCESS_RATE", "0.5", "simulator.upi_success_rate", 0.5),
        ("GATEWAY_WEBHOOKS_RETRY_SECONDS", "1,2,3", "webhooks.retry_seconds", (1, 2, 3)),
        ("GATEWAY_WEBHOOKS_RETRY_SECONDS", "[1, 2.5]", "webhooks.retry_seconds", (1, 2.5)),
        ("GATEWAY_WEBHOOKS_RETRY_SECONDS", "", "webhooks.retry_seconds", ()),
        ("GATEWAY_WEBHOOKS_ALLOW_PRIVATE", "10.0.0.0/8, ::/128", "webhooks.allow_private", ("10.0.0.0/8", "::/128")),
        ("GATEWAY_PAYMENTS_CAPTURE", "manual", "payments.capture", "manual"),
        ("GATEWAY_LIMITS_REQUESTS_PER_MINUTE", "0", "limits.requests_per_minute", 0),
        ("GATEWAY_SERVER_PUBLIC_URL", "https://pay.example/", "server.public_url", "https://pay.example"),
    ],
)
def test_the_environment_speaks_in_text(name, text, key, expected):
    assert value(load(environment={name: text}), key) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"DELAY_MIN": "0"}, (0, 10)),
        ({"DELAY_MIN": "20"}, (20, 20)),
        ({"DELAY_MAX": "0"}, (0, 0)),
        ({"DELAY_MAX": "7"}, (5, 7)),
        ({"DELAY_MIN": "1", "DELAY_MAX": "2"}, (1, 2)),
    ],
)
def test_one_end_of_the_banks_delay_is_enough(given, expected):
    simulator = load(environment={f"GATEWAY_SIMULATOR_{name}": text for name, text in given.items()}).simulator
    assert (simulator.delay_min, simulator.delay_max) == expected


def test_the_demo_has_no_limits_unless_somebody_asks_and_may_call_its_own_machine():
    demo = load(demo=True)
    assert (demo.limits.requests_per_minute, demo.limits.logins_per_minute) == (0, 0)
    assert "127.0.0.0/8" in map(str, demo.private_networks)
    limited = load(environment={"GATEWAY_LIMITS_REQUESTS_PER_MINUTE": "5"}, demo=True)
    assert limited.limits.requests_per_minute == 5
    assert load().private_networks == ()


# Mistakes

@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"GATEWAY_SERVER_PORT": "eight"}, ["server.port", "expected whole number", "'eight'", "GATEWAY_SERVER_PORT"]),
        ({"GATEWAY_SERVER_PORT": "65536"}, ["server.port", "<= 65535"]),
        ({"GATEWAY_SERVER_PORT": "-1"}, ["server.port", ">= 0"]),
        ({"GATEWAY_SERVER_PROT": "1"}, ["server.prot", "no such key", "did you mean server.port?"]),
        ({"GATEWAY_SIMULATOR_DELAY_MIN": "soon"}, ["simulator.delay_min", "expected number"]),
        ({"GATEWAY_SIMULATOR_DELAY_MIN": "-1"}, ["simulator.delay_min", ">= 0"]),
        ({"GATEWAY_SIMULATOR_DELAY_MIN": "nan"}, ["simulator.delay_min", "expected"]),
        ({"GATEWAY_SIMULATOR_DELAY_MAX": "inf"}, ["simulator.delay_max", "<= 86400"]),
        ({"GATEWAY_SIMULATOR_UPI_SUCCESS_RATE": "1.1"}, ["simulator.upi_success_rate", "<= 1"]),
        ({"GATEWAY_SIMULATOR_UPI_SUCCESS_RATE": "90%"}, ["simulator.upi_success_rate", "expected number"]),
        ({"GATEWAY_PAYMENTS_CAPTURE": "later"}, ["payments.capture", "expected automatic or manual", "'later'"]),
        ({"GATEWAY_WEBHOOKS_RETRY_SECONDS": "1,x"}, ["webhooks.retry_seconds", "expected number"]),
        ({"GATEWAY_WEBHOOKS_TIMEOUT": "0"}, ["webhooks.timeout", "> 0"]),
        ({"GATEWAY_WEBHOOKS_ALLOW_PRIVATE": "10.0.0.1/8"}, ["webhooks.allow_private", "host bits"]),
        ({"GATEWAY_WEBHOOKS_ALLOW_PRIVATE": "intranet"}, ["webhooks.allow_private", "'intranet'"]),
        ({"DATABASE_URL": "mysql://h/a"}, ["database.url", "sqlite:///FILE or postgresql://"]),
        ({"REDIS_URL": "http://h"}, ["queue.url", "sqlite:///FILE or redis://"]),
        ({"GATEWAY_SERVER_PUBLIC_URL": "pay.example"}, ["server.public_url", "https://"]),
        ({"GATEWAY_SIMULATOR_DELAY_MIN": "9", "GATEWAY_SIMULATOR_DELAY_MAX": "8"}, ["simulator.delay_max", "_min"]),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key_and_what_was_expected(environment, words):
    (line,) = mistakes(environment=environment)
    assert "\n" not in line
    assert not [word for word in words if word not in line], line


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[server]\nport = 8000.5", ["server.port", "8000.5"]),
        ("[server]\nport = true", ["server.port", "True"]),
        ("[server]\nprot = 1", ["server.prot", "did you mean server.port?"]),
        ("[sever]\nport = 1", ["sever.port", "no such key"]),
        ("[simulator]\ndelay_min = nan", ["simulator.delay_min", "nan"]),
        ("port = 8000", ["port", "section"]),
        ("[server\nport = 1", ["config.toml", "line 1"]),
    ],
)
def test_mistakes_in_the_file_say_so(toml, words):
    (line,) = mistakes(toml)
    assert "config.toml" in line
    assert not [word for word in words if word not in line], line


def test_all_mistakes_are_told_at_once():
    lines = mistakes("[server]\nport = 99999\n[payments]\ncapture = 'x'", {"GATEWAY_LOG_LEVEL": "loud"})
    assert [line.partition(":")[0] for line in lines] == ["server.port", "payments.capture", "log.level"]


def test_a_file_that_is_not_there_is_told():
    (line,) = mistakes(file=Path("nowhere.toml"))
    assert "nowhere.toml" in line


@pytest.mark.parametrize(
    "toml", ["[security]\nmaster_key = 12345678", "[security]\nmaster_key = ['hush']", "[mail]\npassword = 12345678"]
)
def test_a_secret_in_the_wrong_place_is_not_repeated(toml):
    (line,) = mistakes(toml)
    assert "12345678" not in line
    assert "hush" not in line
