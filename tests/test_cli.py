"""The commands: what they print, how they fail in one line, and what a running server makes of it."""

import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bench.server import Server
from gateway import __version__
from gateway.cli import main
from tests.calling import Caller
from tests.services import free_port

TIMEOUT_S = 30
STOP_MAX_S = 10  # what the contract allows; it takes about one
HERE = Path(__file__).parent.parent
ADD = ("merchant", "add", "--name", "Carol's Cakes", "--email", "carol@shop.test", "--password", "carols cakes")


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty directory, and a database that no other test left open."""
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, stdin: str = "", **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, input=stdin, env=environment)


def said(*arguments: str, **options: str) -> str:
    """What a command prints that works."""
    result = run(*arguments, **options)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def refused(result: Result) -> str:
    """The one line on stderr of a command that fails."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("gateway: ")
    return line.removeprefix("gateway: ")


@pytest.fixture
def data() -> str:
    """The data of a new gateway."""
    assert "applied m0001" in said("migrate", "--data", "shop")
    return "shop"


# Help


def commands(group: click.Group = main, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found = []
    for name, command in group.commands.items():
        found.append(((*path, name), command))
        if isinstance(command, click.Group):
            found += commands(command, (*path, name))
    return found


@pytest.mark.parametrize("path", [path for path, _ in commands()], ids=" ".join)
def test_every_command_explains_itself(path):
    help_text = said(*path, "--help")
    assert help_text.startswith("Usage: ")
    assert dict(commands())[path].help.split("\n")[0][:40] in help_text
    assert all(option.help for option in dict(commands())[path].params if isinstance(option, click.Option))


def test_the_contract_is_complete():
    paths = {" ".join(path) for path, _ in commands()}
    promised = "serve, check, migrate, openapi, merchant add, merchant list, keys create, keys list, keys revoke"
    assert set(promised.split(", ")) <= paths


def test_it_knows_its_version():
    assert said("--version") == f"gateway {__version__}\n"


def test_openapi_is_printed():
    assert json.loads(said("openapi"))["openapi"].startswith("3.1")


# What fails in one line

ON_DATA = [("check",), ADD, ("merchant", "list"), ("keys", "create", "--merchant", "x"), ("keys", "list"),
           ("keys", "revoke", "key_test_x")]  # fmt: skip


@pytest.mark.parametrize("command", ON_DATA, ids=lambda command: " ".join(command[:2]))
def test_where_no_gateway_is_none_is_made(command):
    assert refused(run(*command, "--data", "typo")).startswith("there is no gateway in typo")
    assert not Path("typo").exists()


@pytest.mark.parametrize("command", [*ON_DATA, ("migrate",), ("serve",)], ids=lambda command: " ".join(command[:2]))
def test_a_wrong_setting_is_named_with_what_was_expected(data, command):
    line = refused(run(*command, "--data", data, GATEWAY_SERVER_PORT="eighty"))
    assert line.startswith("configuration: server.port: port to listen on; expected whole number, got 'eighty'")


def test_every_wrong_setting_gets_its_line(data):
    result = run("check", "--data", data, GATEWAY_SERVER_PORT="eighty", GATEWAY_PAYMENTS_CAPTURE="later")
    assert result.exit_code == 1
    assert [line.split(": ")[2] for line in result.stderr.splitlines()] == ["server.port", "payments.capture"]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://nobody:hush@127.0.0.1:1/none", "Connection refused"),
        ("sqlite:///noise.db", "file is not a database"),
        ("mysql://h/x", "expected sqlite:///FILE or postgresql://"),
    ],
)
@pytest.mark.parametrize("command", ["check", "migrate"])
def test_a_database_that_cannot_be_used_is_told(command, url, why):
    Path("noise.db").write_bytes(b"this is no database " * 1_000)
    line = refused(run(command, DATABASE_URL=url))
    assert why in line
    assert "hush" not in line


def test_a_wrong_master_key_is_told_before_anything_is_done(data):
    Path(data, "master.key").write_text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")
    assert "the master key is not the one that sealed this database" in refused(run(*ADD, "--data", data))
    Path(data, "master.key").write_text("short\n")
    assert "master.key: expected base64 of 32 bytes" in refused(run("check", "--data", data))


def test_data_that_is_a_file_is_told():
    Path("file").touch()
    assert "cannot use file for the data" in refused(run("migrate", "--data", "file"))


@pytest.mark.parametrize("arguments", [("dance",), ("check", "--dance"), ("keys", "revoke"), ("serve", "--port", "x")])
def test_what_it_does_not_understand_is_told(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr.splitlines()[-1]


# Merchants and keys


def test_a_merchant_gets_a_key_and_is_listed(data):
    words = said(*ADD, "--data", data).split()
    assert words[0::2] == ["merchant", "key", "secret"]
    assert words[3].startswith("key_test_")
    assert words[5].startswith("secret_test_")
    assert "carol@shop.test  Carol's Cakes" in said("merchant", "list", "--data", data)


def test_a_live_key_comes_with_it_if_asked_for(data):
    words = said(*ADD, "--live", "--data", data).split()
    assert [word.split("_")[1] for word in words if word.startswith("key_")] == ["test", "live"]


def test_the_password_is_asked_for_and_not_shown(data):
    shown = said(*ADD[:6], "--data", data, stdin="carols cakes\ncarols cakes\n")
    assert "Password" in shown
    assert "carols cakes" not in shown


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"--password": "short"}, "A password has 8 to 256 characters."),
        ({"--email": "nobody"}, "This is not an e-mail address."),
        ({"--name": ""}, "The name must be 1 to 100 printable characters."),
    ],
)
def test_a_merchant_that_cannot_be(data, changes, why):
    options = dict(zip(ADD[2::2], ADD[3::2], strict=True)) | changes
    arguments = [word for pair in options.items() for word in pair]
    assert refused(run("merchant", "add", *arguments, "--data", data)) == why
    assert said("merchant", "list", "--data", data) == ""


def test_an_address_is_taken_once(data):
    said(*ADD, "--data", data)
    assert refused(run(*ADD, "--data", data)) == "A merchant with this e-mail address exists already."


@pytest.mark.parametrize("mode", ["test", "live"])
def test_keys_are_made_listed_without_secrets_and_revoked(data, mode):
    merchant_id = said(*ADD, "--data", data).split()[1]
    for merchant in (merchant_id, "Carol@shop.test"):
        made = said("keys", "create", "--merchant", merchant, "--mode", mode, "--name", "till", "--data", data).split()
        assert made[1].startswith(f"key_{mode}_")
    listed = said("keys", "list", "--merchant", "carol@shop.test", "--data", data)
    assert f"{made[1]}  {mode}  {merchant_id}  used never  till" in listed
    assert len(listed.splitlines()) == 3
    assert made[3] not in listed
    assert said("keys", "revoke", made[1], "--data", data) == f"{made[1]} is revoked.\n"
    assert f"{made[1]}  {mode}  {merchant_id}  revoked 2" in said("keys", "list", "--data", data)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("create", "--merchant", "nobody"), "No such merchant."),
        (("create", "--merchant", "nobody@shop.test"), "there is no merchant with the e-mail address nobody@shop.test"),
        (("revoke", "key_test_nobody"), "No such API key."),
    ],
)
def test_keys_that_cannot_be(data, arguments, why):
    assert refused(run("keys", *arguments, "--data", data)) == why


# Schema and check


def test_migrating_twice_is_migrating_once(data):
    assert said("migrate", "--data", data) == "The schema is up to date.\n"


def test_a_sound_gateway_has_no_findings(data):
    assert said("check", "--data", data).startswith("No findings")
    assert json.loads(said("check", "--json", "--data", data)) == {"findings": []}


def test_findings_are_listed_and_the_exit_code_is_1(data):
    Path(data, "master.key").chmod(0o644)
    result = run("check", "--data", data)
    assert (result.exit_code, result.stderr) == (1, "")
    assert result.stdout.splitlines() == [
        "shop/master.key can be read by others (mode 644); run chmod 600 on it",
    ]  # fmt: skip
    assert len(json.loads(run("check", "--json", "--data", data).stdout)["findings"]) == 1


# The server


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """A server that is expected not to start."""
    return subprocess.run(
        [sys.executable, "-m", "gateway", "serve", *arguments],
        cwd=HERE, capture_output=True, text=True, timeout=TIMEOUT_S, env={"PATH": "", **environment},
    )  # fmt: skip


def did_not_start(done: subprocess.CompletedProcess) -> str:
    assert (done.returncode, done.stdout) == (1, ""), done
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_the_demo_never_listens_to_the_world(host):
    line = refused(run("serve", "--demo", "--host", host, "--data", "new"))
    assert f"refuses to listen on {host}" in line
    assert not Path("new").exists()


def test_nor_where_the_configuration_says_so():
    assert "refuses to listen on 0.0.0.0" in refused(run("serve", "--demo", GATEWAY_SERVER_HOST="0.0.0.0"))


def test_a_port_that_is_taken_is_told(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = did_not_start(serve("--port", port, "--data", str(tmp_path / "shop")))
    assert line == f"gateway: cannot listen on 127.0.0.1 port {port}: Address already in use"


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        yield server


def test_a_second_server_on_the_same_data_is_refused_and_the_first_goes_on(server: Server):
    line = did_not_start(serve("--demo", "--port", str(free_port()), "--data", str(server.data)))
    assert line == f"gateway: another gateway is running on {server.data}"
    assert server.get("/health")["status"] == "healthy"


def test_keys_made_and_revoked_beside_it_count_within_two_seconds(server: Server):
    made = server.run("keys", "create", "--merchant", "test@example.com").stdout.split()
    till = Caller(server, {"X-Api-Key": made[1], "X-Api-Secret": made[3]})
    assert till("GET", "/orders").status == 200
    assert server.run("keys", "revoke", made[1]).returncode == 0
    revoked_at = time.monotonic()
    while till("GET", "/orders").status != 401:
        assert time.monotonic() - revoked_at < 2
    assert server.run("check").returncode == 0


def test_it_says_where_it_listens_and_what_the_demo_knows(server: Server):
    said_first = server.log().splitlines()[:2]
    assert f"listening on http://127.0.0.1:{server.port} (data in {server.data})" in said_first[0]
    assert said_first[1].startswith("Demo: key key_test_abc123, secret secret_test_xyz789;")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_it_stops_when_told_with_work_under_way_and_goes_on_after_the_next_start(how):
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MIN": "1", "GATEWAY_SIMULATOR_DELAY_MAX": "1"}) as server:
        payments = [Caller(server).pay() for _ in range(5)]
        took_s = server.stop(how)
        assert (server.process.returncode, took_s < STOP_MAX_S) == (0, True)
        assert "Traceback" not in server.log()
        server.start()
        for payment in payments:
            while (status := Caller(server)("GET", f"/payments/{payment['id']}").json["status"]) != "success":
                assert status in ("pending", "processing")
        assert server.run("check").returncode == 0


def test_it_stops_when_told_as_soon_as_it_says_that_it_listens(tmp_path):
    command = [sys.executable, "-m", "gateway", "serve", "--demo", "--data", str(tmp_path), "--port", "0"]
    for _ in range(4):
        server = subprocess.Popen(command, cwd=HERE, stderr=subprocess.PIPE, text=True)
        try:
            assert "listening on" in server.stderr.readline()
            server.terminate()
            server.communicate(timeout=TIMEOUT_S)
        finally:
            server.kill()
        assert server.returncode == 0


def test_a_reader_who_has_seen_enough_gets_no_traceback():
    pipe = f"{sys.executable} -m gateway openapi | head -c 10"
    done = subprocess.run(["/bin/sh", "-c", pipe], cwd=HERE, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert (len(done.stdout), done.stderr) == (10, "")
