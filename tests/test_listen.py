"""`gateway listen` and `gateway trigger`: what developers of receivers have on their own machine."""

import json
import signal
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from gateway import endpoints, events, merchants, signatures
from gateway import webhook_objects as objects
from gateway.cli import main
from gateway.config import Config
from gateway.crypto import load_master_key
from gateway.db import open_store
from gateway.listen import Listener
from gateway.objects import Owner
from tests.shop import BOB

DEMO = Owner(merchants.DEMO_MERCHANT_ID, "test")
OTHER_SECRET = signatures.new_secret()


@contextmanager
def listening(secrets: list[str], status: int = 200):
    """A listener that is running, and what it has said."""
    said: list[str] = []
    with Listener(0, secrets=lambda: secrets, say=said.append, status=status) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield listener, said
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture
def data(tmp_path):
    """The data of a gateway with the demo merchant, and a function that gives it an endpoint."""
    run("migrate", "--data", str(tmp_path))
    store = open_store(Config(data_dir=tmp_path).database_url)
    store.start()
    master = load_master_key("", tmp_path / "master.key")
    store.write_now(merchants.seed_demo, master, "no password")

    def add(url: str, owner: Owner = DEMO, **fields) -> objects.EndpointWithSecret:
        return store.write_now(endpoints.create, owner, objects.NewEndpoint(url=url, **fields), master)

    yield tmp_path, add
    store.close()


def run(*arguments: str, exit_code: int = 0) -> str:
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == exit_code, done.output
    return done.output


@pytest.mark.parametrize("event", events.TYPES)
def test_every_event_can_be_triggered_and_arrives_signed(data, event):
    folder, add = data
    with listening([OTHER_SECRET]) as (listener, said):
        add(listener.url, secret=OTHER_SECRET)
        output = run("trigger", event, "--data", str(folder))
    assert output.startswith(f"{event} to {listener.url}: 200 after ")
    (description,) = said
    first_line, _, body = description.partition("\n")
    assert first_line.startswith(f"{event} evt_")
    assert "signature verified with whsec_" in first_line
    assert OTHER_SECRET not in first_line
    assert json.loads(body)["event"] == event
    assert len(json.loads(body)["data"]) == 1


def test_only_test_endpoints_that_listen_are_told(data):
    folder, add = data
    with listening([]) as (listener, said):
        add(listener.url, events=["refund.*"])
        add(listener.url, enabled=False)
        add(listener.url, owner=BOB)
        add("https://live.example/", owner=DEMO._replace(mode="live"))
        refusal = run("trigger", "payment.success", "--data", str(folder), exit_code=1)
    assert "no test endpoint" in refusal
    assert said == []


def test_who_names_no_merchant_means_the_only_one(tmp_path):
    shops = str(tmp_path)
    run("migrate", "--data", shops)
    nobody = run("trigger", "order.paid", "--data", shops, exit_code=1)
    add = ("merchant", "add", "--data", shops, "--password", "long enough")
    run(*add, "--name", "Tea", "--email", "tea@shop.test")
    only = run("trigger", "order.paid", "--data", shops, exit_code=1)
    run(*add, "--name", "Bikes", "--email", "bikes@shop.test")
    several = run("trigger", "order.paid", "--data", shops, exit_code=1)
    assert nobody == several == "gateway: there is no merchant, or more than one; name one with --merchant\n"
    assert "no test endpoint of" in only


def test_a_payment_that_succeeded_looks_as_with_automatic_capture(data):
    folder, add = data
    with listening([]) as (listener, said):
        add(listener.url)
        run("trigger", "payment.success", "--data", str(folder))
    payment = json.loads(said[0].partition("\n")[2])["data"]["payment"]
    assert (payment["captured"], payment["amount_captured"]) == (True, payment["amount"])


def test_a_receiver_that_refuses_makes_the_command_fail(data):
    folder, add = data
    with listening([], status=503) as (listener, said):
        add(listener.url)
        assert ": 503 after" in run("trigger", "payment.success", "--data", str(folder), exit_code=1)
    assert "WRONG SIGNATURE" in said[0]


def test_an_event_that_was_triggered_is_recorded_nowhere(data):
    folder, add = data
    with listening([]) as (listener, _):
        add(listener.url)
        run("trigger", "payment.captured", "--data", str(folder))
    store = open_store(Config(data_dir=folder).database_url)
    store.start()
    counting = "SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM deliveries)"
    counts = store.read_now(lambda tx: tx.one(counting))
    store.close()
    assert tuple(counts) == (0, 0)


@pytest.mark.parametrize(
    ("headers", "body", "verdict"),
    [
        ({}, b"{}", "NOT SIGNED"),
        ({"X-Webhook-Signature": "0" * 64}, b"{}", "WRONG SIGNATURE"),
        ({"webhook-signature": "v1,AAAA"}, b"{}", "WRONG SIGNATURE"),
        ({}, b"\xff no JSON", "NOT SIGNED"),
    ],
)
def test_what_is_not_genuine_is_said_to_be_so(headers, body, verdict):
    with listening([OTHER_SECRET]) as (listener, said):
        urllib.request.urlopen(urllib.request.Request(listener.url, body, headers), timeout=5).close()
    assert verdict in said[0]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"a":"\\u001b[2J\\u009b2J"}', '"a": "\\u001b[2J\\x9b2J"'),
        (b"\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
        (b'{"a":"\\ud800"}', '"a": "\\ud800"'),
        ('{"नाम":"₹ 500"}'.encode(), '"नाम": "₹ 500"'),
        (b"[" * 200_000, "[[["),
    ],
    ids=["in JSON", "in text", "lone surrogate", "Hindi", "deep"],
)
def test_a_terminal_is_told_nothing_that_it_obeys(body, shown):
    with listening([OTHER_SECRET]) as (listener, said):
        urllib.request.urlopen(urllib.request.Request(listener.url, body), timeout=5).close()
    assert shown in said[0]
    assert said[0].encode("utf-8")
    assert all(each.isprintable() or each == "\n" for each in said[0])


def test_whoever_knows_only_the_old_secret_is_served_while_a_rotation_lasts():
    made = signatures.webhook_headers(
        event_id="evt_1", event="order.paid", body=b"{}", secret=signatures.new_secret(),
        previous_secret=OTHER_SECRET, delivery_id="1", at_s=1,
    )  # fmt: skip
    with listening([OTHER_SECRET]) as (listener, said):
        urllib.request.urlopen(urllib.request.Request(listener.url, b"{}", made), timeout=5).close()
    assert "signature verified" in said[0]


def test_a_port_that_is_taken_is_named():
    with listening([]) as (listener, _):
        refusal = run("listen", "--port", str(listener.server_port), "--secret", OTHER_SECRET, exit_code=1)
    assert refusal == f"gateway: cannot listen on 127.0.0.1 port {listener.server_port}: Address already in use\n"


def test_the_command_listens_until_it_is_interrupted():
    command = [sys.executable, "-m", "gateway", "listen", "--port", "0", "--secret", OTHER_SECRET]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().split()[2].rstrip(".")
        made = signatures.webhook_headers(
            event_id="evt_1", event="order.paid", body=b"{}", secret=OTHER_SECRET, previous_secret=None,
            delivery_id="1", at_s=1,
        )  # fmt: skip
        urllib.request.urlopen(urllib.request.Request(url, b"{}", made), timeout=5).close()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
    assert output.startswith("order.paid evt_1 to /: signature verified")
