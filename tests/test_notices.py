"""Letters to merchants who do not look: what happened, once, to the address they chose."""

import socketserver
import threading

import pytest

from gateway import events, mail, notices, preferences, totals
from gateway.config import Config, Mail
from gateway.errors import BadRequest
from gateway.notices import Notice
from tests.dashboard_scenes import Shop, open_shops


class _Session(socketserver.StreamRequestHandler):
    """As much of SMTP (RFC 5321) as it takes to hand over a letter."""

    def handle(self) -> None:
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self._say("354 go on")
                letter = b"".join(iter(self.rfile.readline, b".\r\n"))
                self.server.letters.append(letter.decode())
            if verb == "RCPT" and "nobody" in line:
                self._say("550 no such mailbox")
                continue
            self._say("221 bye" if verb == "QUIT" else "250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def post():
    """A mail server on loopback."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session) as server:
        server.letters = []
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def config(tmp_path, post) -> Config:
    host, port = post.server_address
    return Config(data_dir=tmp_path, mail=Mail(host=host, port=port, sender="gateway@host.test"))


def test_a_letter_arrives(tmp_path, post):
    mail.send(config(tmp_path, post), "me@shop.test", "Hello", "It works.")
    (letter,) = post.letters
    assert "To: me@shop.test" in letter and "Subject: Hello" in letter and "It works." in letter


def test_what_the_mail_server_says_is_passed_on(tmp_path, post):
    with pytest.raises(BadRequest) as refusal:
        mail.send(config(tmp_path, post), "nobody@shop.test", "Hello", "")
    assert "no such mailbox" in refusal.value.description


def test_without_a_server_nothing_is_sent_and_the_reason_is_named(tmp_path):
    with pytest.raises(BadRequest) as refusal:
        mail.send(Config(data_dir=tmp_path), "me@shop.test", "Hello", "")
    assert "mail.host" in refusal.value.description


def test_folding_tells_of_endpoints_in_trouble_once(store):
    open_shops(store)
    alice = Shop(store, "alice")
    shown = ("we_1", "webhook_endpoint", b'{"id":"we_1"}')
    alice.do(events.record, alice.owner, "webhook.endpoint_disabled", *shown)
    batch = store.read_now(totals.ahead)
    assert batch.notices == [Notice("alice", "test", "webhook.endpoint_disabled", "we_1")]
    assert alice.do(totals.add, batch) and not alice.do(totals.add, batch)


def test_letters_go_to_those_who_want_them_one_for_each_kind(store):
    open_shops(store)
    store.write_now(lambda tx: preferences.change(tx, "alice", notify_email="alice@shop.test"))
    happened = [Notice("alice", "test", "webhook.endpoint_failing", f"we_{number}") for number in (1, 2, 1)]
    happened += [Notice("alice", "live", "webhook.endpoint_disabled", "we_9"), Notice("bob", "test", *happened[0][2:])]
    letters = store.read_now(notices.letters, happened, "https://pay.example")
    assert [(letter.to, letter.subject) for letter in letters] == [
        ("alice@shop.test", "A webhook endpoint is failing (test mode)"),
        ("alice@shop.test", "A webhook endpoint was disabled (live mode)"),
    ]
    assert "we_1, we_2." in letters[0].text and "https://pay.example/dashboard/webhooks" in letters[0].text
