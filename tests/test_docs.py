"""What people read is true: pages are compared with the code, and what they say to run is run."""

import ast
import base64
import contextlib
import inspect
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tomllib
import urllib.request
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

from bench.server import Server
from gateway import config, errors, events
from tests import documented, receivers
from tests.documented import PAGES, ROOT
from tests.receivers import Receiver
from tests.services import run_node

try:
    from pysqlite3 import dbapi2 as sqlite3
except ImportError:
    import sqlite3

TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text() for path in PAGES}
README, OPERATIONS, PAYMENTS = TEXTS["README.md"], TEXTS["docs/operations.md"], TEXTS["docs/payments.md"]
SECRET = "whsec_test_abc123"
TIMEOUT_S = 60
INSTANT_BANK = {"GATEWAY_SIMULATOR_DELAY_MAX": "0"}
COPY_AGAIN = "run `.venv/bin/python -m tests.documented`"
# Nobody can promise these, and readers have learnt to distrust them.
CLAIMS = re.compile(
    r"""(?ix) \b (?: pci[ -]? (?:dss[ -]?)? (?:compliant|certified|ready)
    | (?:bank|military|enterprise|production)[ -]grade | 100[ ]?%[ ](?:secure|safe|reliable) | un(?:hackable|breakable)
    | bulletproof | world[ -]class | blazing | seamless | battle[ -](?:tested|hardened) | never[ ]fails )"""
)


@pytest.fixture(scope="module")
def demo():
    with Server(environment=INSTANT_BANK) as server:
        yield server


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def section(page: str, title: str) -> str:
    """What stands under a heading."""
    return re.split(r"^##+ .*\n", page.partition(f" {title}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]


def missing(words: Iterable[str], text: str) -> list[str]:
    """Those of the words that stand nowhere between backticks."""
    written = {word for span in re.findall(r"`([^`\n]+)`", text) for word in (span, *re.split(r"[ :,={\[(]", span))}
    return [word for word in words if word not in written]


# Compared with the code


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_copied_out_of_the_code_is_up_to_date(name):
    assert documented.copied_anew(TEXTS[name]) == TEXTS[name], COPY_AGAIN


def test_the_example_configuration_is_up_to_date():
    assert (ROOT / "config.example.toml").read_text() == documented.example_config(), COPY_AGAIN


def test_the_example_configuration_says_what_holds_without_it(tmp_path):
    given = re.sub(r"^# (\w+ = )", r"\1", documented.example_config(), flags=re.MULTILINE)
    (tmp_path / "config.toml").write_text(given)
    assert sum(map(len, tomllib.loads(given).values())) == len(config.settings())
    assert config.load(data_dir=tmp_path, environment={}) == config.Config(data_dir=tmp_path)


def test_every_error_code_is_explained_with_its_status():
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.GatewayError)]
    explained = set(re.findall(r"^\| `(\w+)` \| (\d+) \| .+ \|$", PAYMENTS, re.MULTILINE))
    assert explained == {(kind.code, str(kind.status)) for kind in kinds}


def test_every_reason_that_the_api_gives_is_explained():
    assert not missing(reasons(), PAYMENTS)


def reasons() -> set[str]:
    """The words that refusals give as their reason, outside the dashboard's forms."""
    return {
        word.value.value
        for path in ROOT.glob("gateway/**/*.py")
        if "dashboard" not in path.parts and not path.name.startswith(("sessions", "accounts", "two_factor"))
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == "reason" and isinstance(word.value, ast.Constant) and re.fullmatch("[a-z_]+", word.value.value)
    }


@pytest.mark.parametrize("name", ["docs/payments.md", "docs/webhooks.md"])
def test_every_event_is_explained(name):
    about_payments = [event for event in events.TYPES if not event.startswith("webhook.")]
    assert not missing(events.TYPES if "webhooks" in name else about_payments, TEXTS[name])


def test_every_command_and_option_is_explained():
    commands = dict(documented.all_commands())
    options = {
        parameter.opts[0]
        for command in commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    assert not missing(commands.keys() | options, OPERATIONS)


def test_every_metric_is_explained(demo):
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/metrics") as answer:
        named = re.findall(r"^# TYPE (\w+) ", answer.read().decode(), re.MULTILINE)
    assert named
    assert not missing(named, section(OPERATIONS, "Is it well?"))


def test_every_file_of_the_data_directory_is_explained(demo):
    explained = section(OPERATIONS, "The data directory")
    made = {path.name for path in demo.data.iterdir()} - {"server.log"}
    assert {"gateway.db", "queue.db", "simulator.db", "master.key"} <= made
    assert not missing({re.sub(r"-(wal|shm)$", "", name) for name in made}, explained)


def test_every_file_and_function_that_is_named_exists():
    for text in TEXTS.values():
        for path in re.findall(r"`((?:gateway|tests|bench)/[\w/.]*)`", text):
            assert (ROOT / path).exists(), path
        for path, names in re.findall(r"`(gateway/[\w/]+\.py)`: ((?:`[\w.]+`(?:, )?)+)", text):
            source = (ROOT / path).read_text()
            for name in re.findall(r"[\w.]+", names):
                assert re.search(rf"(def |class |^){name.rpartition('.')[2]}\b", source, re.MULTILINE), (path, name)


# Run


def test_the_first_minute_of_the_readme_works_as_printed(demo):
    [minute] = blocks(section(README, "One minute to a paid order"), "bash")
    minute = minute.replace("127.0.0.1:8000", f"127.0.0.1:{demo.port}")
    done = subprocess.run(["bash"], input=minute, capture_output=True, text=True, timeout=TIMEOUT_S)
    answers = [json.loads(line) for line in done.stdout.splitlines() if line]
    assert [answer["entity"] for answer in answers] == ["payment", "order", "refund"], done.stderr
    assert [answer["status"] for answer in answers] == ["success", "paid", "processed"]
    assert answers[0]["order_id"] == answers[1]["id"]


def test_the_addresses_of_the_readme_answer(demo):
    addresses = re.findall(r"<http://127\.0\.0\.1:8000(/[^>]+)>", README)
    assert len(addresses) == 3
    for address in addresses:
        with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}{address}") as answer:
            assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_the_readmes_check_of_webhooks_takes_a_real_one_and_no_forged_one(demo):
    arrived: queue.Queue[bytes] = queue.Queue()

    def shop(peer: receivers.Peer) -> None:
        while request := peer.read_request():
            peer.send(receivers.OK)
            arrived.put(request)

    with Receiver(shop) as receiver:
        demo.send("PATCH", "/api/v1/merchant/webhook", {"webhook_url": receiver.url()})
        demo.send("POST", "/api/v1/orders", {"amount": 500})
        demo.send("POST", "/api/v1/merchant/webhook/test", {})
        head, _, body = arrived.get(timeout=TIMEOUT_S).partition(b"\r\n\r\n")
    signature = re.search(rb"(?i)^x-webhook-signature: (\w+)", head, re.MULTILINE)[1].decode()
    cases = [(body, signature, True), (body + b" ", signature, False), (body, "0" * 64, False), (body, "₹", False)]
    assert [python_accepts(body, signature) for body, signature, _ in cases] == [verdict for *_, verdict in cases]
    assert [node_accepts(body, signature) for body, signature, _ in cases] == [verdict for *_, verdict in cases]


def python_accepts(body: bytes, signature: str) -> bool:
    [snippet] = blocks(section(README, "Verify a webhook"), "python")
    names: dict = {}
    exec(snippet, names)
    return names["is_genuine"](body, signature, SECRET)


def node_accepts(body: bytes, signature: str) -> bool:
    [snippet] = blocks(section(README, "Verify a webhook"), "js")
    call = "console.log(isGenuine(Buffer.from(process.argv[1], 'base64'), process.argv[2], process.argv[3]))"
    return run_node(snippet + call, base64.b64encode(body).decode(), signature, SECRET) == "true\n"


def test_the_configurations_mistakes_are_told_as_printed(tmp_path):
    [_, told] = blocks(TEXTS["docs/configuration.md"], "")
    wrong = {"GATEWAY_SERVER_PROT": "1"}, {"GATEWAY_SIMULATOR_DELAY_MIN": "2", "GATEWAY_SIMULATOR_DELAY_MAX": "1"}
    lines = []
    for environment in wrong:
        with pytest.raises(config.ConfigError) as mistake:
            config.load(data_dir=tmp_path, environment=environment)
        lines += [f"gateway: configuration: {line}" for line in mistake.value.lines]
    assert lines == told.splitlines()


def test_lists_in_the_environment_are_read_as_printed(tmp_path):
    shown, _ = blocks(TEXTS["docs/configuration.md"], "")
    loaded = config.load(data_dir=tmp_path, environment=dict(line.split("=") for line in shown.splitlines()))
    assert loaded.webhooks.retry_seconds == (1, 2, 3)
    assert loaded.webhooks.allow_private == ("10.0.0.0/8", "192.168.1.0/24")


def test_a_first_start_on_a_server_works_as_printed(tmp_path):
    [block] = blocks(section(OPERATIONS, "First start on a server"), "bash")
    *prepare, serve = block.splitlines()
    assert serve == "gateway serve --data data"
    done = subprocess.run(
        ["bash", "-ec", "\n".join(prepare)], cwd=tmp_path, input="a password\n" * 2, text=True, capture_output=True,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert re.search(r"^key +key_test_\w{16}\nsecret +secret_test_\w{40}$", done.stdout, re.MULTILINE), done.stderr


def test_a_backup_made_as_printed_is_a_whole_gateway(demo, tmp_path):
    order = demo.send("POST", "/api/v1/orders", {"amount": 500})
    [statement] = re.findall(r"VACUUM INTO '[^']+'", section(OPERATIONS, "Backup"))
    with contextlib.closing(sqlite3.connect(demo.data / "gateway.db")) as connection:
        connection.execute(statement.replace("backup/", f"{tmp_path}/"))
    shutil.copy(demo.data / "master.key", tmp_path)
    os.chmod(tmp_path / "gateway.db", 0o600)
    with Server() as restored:
        restored.stop(signal.SIGTERM)
        shutil.rmtree(restored.data)
        shutil.copytree(tmp_path, restored.data)
        check = restored.run("check")
        assert check.returncode == 0, check.stdout
        restored.start()
        assert restored.get(f"/api/v1/orders/{order['id']}") == order


# Form


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", TEXTS[name], flags=re.DOTALL))
    for target in [link for link in links if not link.startswith("https://")]:
        path, _, anchor = target.partition("#")
        page = (ROOT / name).parent / path if path else ROOT / name
        assert page.exists(), target
        assert not anchor or anchor in anchors(page.read_text()), target


def test_every_page_is_listed_in_the_index():
    pages = {path.name for path in ROOT.glob("docs/*.md")} - {"index.md"}
    assert pages <= set(re.findall(r"\]\(([\w.]+)\)", TEXTS["docs/index.md"])), "list it in docs/index.md"


def anchors(page: str) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_is_claimed_that_nobody_can_promise(name):
    assert not CLAIMS.findall(" ".join(TEXTS[name].split()))


def test_every_decision_is_a_question_with_a_short_answer():
    decisions = re.findall(r"^## (.*)\n\n((?:.+\n)+)", TEXTS["DECISIONS.md"], re.MULTILINE)
    assert len(decisions) == TEXTS["DECISIONS.md"].count("\n## ")
    for question, answer in decisions:
        assert question.endswith("?")
        assert answer.count("\n") <= 5, question
