"""Receivers behind https: certificates that are right, wrong, late or no certificates at all."""

import datetime
import ipaddress
import ssl
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.jobs.connections import tls_context
from tests import receivers
from tests.receivers import Receiver
from tests.sending import DEADLINE_S, EVENT_LOOPS, PATIENCE_S, SLACK_S, post, senders, sent

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
ROUNDS_MAX = 20  # Of requests with all kinds of deadlines, until one ends in the middle of a handshake.


@dataclass
class Authority:
    """Signs certificates for receivers; its own is what the sender is told to trust."""

    directory: Path
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    key = ec.generate_private_key(ec.SECP256R1())

    def trusted(self) -> Path:
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        certificate = (
            self._builder(self.name, self.key, NOW + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(self.key, hashes.SHA256())
        )
        return self._write("authority", certificate.public_bytes(serialization.Encoding.PEM))

    def receiver(self, *names: str, expires=NOW + DAY, signed_by=None) -> ssl.SSLContext:
        """What a receiver with a certificate for these names and addresses needs to serve."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
        builder = self._builder(subject, key, expires).add_extension(
            x509.SubjectAlternativeName([_san(name) for name in names]), critical=False
        )
        certificate = builder.sign(key if signed_by == "itself" else self.key, hashes.SHA256())
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem = self._write("receiver", certificate.public_bytes(serialization.Encoding.PEM) + private)
        context.load_cert_chain(pem)
        return context

    def _builder(self, subject, key, expires):
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 2 * DAY)
            .not_valid_after(expires)
        )

    def _write(self, name: str, pem: bytes) -> Path:
        path = self.directory / f"{name}.pem"
        path.write_bytes(pem)
        return path


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def authority(tmp_path, monkeypatch) -> Authority:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.trusted()))
    return authority


@pytest.fixture(params=EVENT_LOOPS)
def sender(request, monkeypatch, authority):
    for start in senders(request.param, monkeypatch):
        yield start(resolve=lambda host: ["127.0.0.1"])


def test_a_good_certificate_and_a_connection_that_is_used_again(sender, authority):
    with Receiver(receivers.polite, tls=authority.receiver("receiver.test")) as receiver:
        answers = [post(sender, receiver.url("receiver.test")) for _ in range(3)]
        assert [(answer.status, answer.address, answer.body) for answer in answers] == [(200, "127.0.0.1", b"ok")] * 3
        assert receiver.connections == 1
    assert receiver.requests[0].startswith(b"POST /hook HTTP/1.1\r\nHost: receiver.test:")


def test_the_name_is_told_to_the_receiver_which_chooses_its_certificate_by_it(sender, authority):
    asked_for = []
    tls = authority.receiver("receiver.test")
    tls.sni_callback = lambda socket, name, context: asked_for.append(name)
    with Receiver(receivers.polite, tls=tls) as receiver:
        assert post(sender, receiver.url("receiver.test.")).status == 200
    assert asked_for == ["receiver.test"]


def test_a_certificate_for_an_address(sender, authority):
    with Receiver(receivers.polite, tls=authority.receiver("127.0.0.1")) as receiver:
        assert post(sender, receiver.url("127.0.0.1")).status == 200


@pytest.mark.parametrize(
    ("names", "changes", "detail"),
    [
        (["other.test"], {}, "Hostname mismatch"),
        (["127.0.0.1"], {}, "Hostname mismatch"),
        (["*.receiver.test"], {}, "Hostname mismatch"),
        (["receiver.test"], {"expires": NOW - DAY}, "certificate has expired"),
        (["receiver.test"], {"signed_by": "itself"}, "certificate"),
    ],
    ids=["another name", "the address only", "another level", "expired", "signed by itself"],
)
def test_certificates_that_are_refused(sender, authority, names, changes, detail):
    with Receiver(receivers.polite, tls=authority.receiver(*names, **changes)) as receiver:
        answer = post(sender, receiver.url("receiver.test"))
        assert (answer.status, answer.error, answer.address) == (None, "tls", "127.0.0.1")
        assert detail in answer.detail and "receiver.test" in answer.detail
        assert receiver.requests == []


def test_old_tls_is_refused(sender, authority):
    tls = authority.receiver("receiver.test")
    with pytest.warns(DeprecationWarning):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with Receiver(receivers.polite, tls=tls) as receiver:
        assert post(sender, receiver.url("receiver.test")).error == "tls"


def test_a_receiver_that_wants_a_certificate_from_us(sender, authority):
    tls = authority.receiver("receiver.test")
    tls.verify_mode = ssl.CERT_REQUIRED
    with Receiver(receivers.polite, tls=tls) as receiver:
        answer = post(sender, receiver.url("receiver.test"))
    # Its alert and the end of the connection race each other.
    assert answer.status is None and answer.error in ("tls", "reset")


@pytest.mark.parametrize(
    ("scene", "error", "at_deadline"),
    [
        (receivers.mute, "connect_timeout", True),
        (receivers.banner, "tls", False),
        (receivers.plain_answer, "tls", False),
        (receivers.hang_up, "reset", False),
    ],
)
def test_what_is_not_tls_at_all(sender, scene, error, at_deadline):
    with Receiver(scene) as receiver:
        started_s = time.monotonic()
        answer = post(sender, f"https://receiver.test:{receiver.port}/", DEADLINE_S if at_deadline else PATIENCE_S)
        elapsed_s = time.monotonic() - started_s
        assert (answer.status, answer.error, answer.address) == (None, error, "127.0.0.1")
        assert not at_deadline or DEADLINE_S - 0.02 < elapsed_s < DEADLINE_S + SLACK_S
        assert receiver.ended.acquire(timeout=SLACK_S), "The connection stays open"


@pytest.mark.parametrize(
    "scene", [receivers.silent, receivers.body_drip, receivers.endless_body, receivers.header_drip]
)
def test_deadlines_and_limits_hold_behind_tls(sender, authority, scene):
    with Receiver(scene, tls=authority.receiver("receiver.test")) as receiver:
        answer = post(sender, receiver.url("receiver.test"), DEADLINE_S)
        assert (answer.status or answer.error) in (200, "timeout") and len(answer.body) <= 16384
        assert receiver.ended.acquire(timeout=SLACK_S), "The connection stays open"


def test_deadlines_in_the_middle_of_a_handshake_leave_nothing_behind(sender, authority, caplog):
    polite_and_short = receivers.answering(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
    with Receiver(polite_and_short, tls=authority.receiver("receiver.test")) as receiver:
        outcomes = set()
        for _ in range(ROUNDS_MAX):
            outcomes |= outcomes_of_many_deadlines(sender, receiver)
            if "connect_timeout" in outcomes:
                break
        assert "connect_timeout" in outcomes and outcomes <= {200, "dns", "connect_timeout", "timeout"}
        assert all(receiver.ended.acquire(timeout=SLACK_S) for _ in range(receiver.connections))
    assert caplog.text == ""


def outcomes_of_many_deadlines(sender, receiver) -> set:
    """What becomes of a hundred requests with deadlines between none and 100 ms."""
    waiting = [sent(sender, receiver.url("receiver.test"), timeout_s=ms / 1000) for ms in range(100)]
    return {answer.result(5).status or answer.result(5).error for answer in waiting}


def test_the_roots_are_certifis_unless_ssl_cert_file_names_others(monkeypatch, authority):
    assert [root["subject"][0][0][1] for root in tls_context().get_ca_certs()] == ["Test authority"]
    monkeypatch.delenv("SSL_CERT_FILE")
    assert len(tls_context().get_ca_certs()) > 50
    assert tls_context().check_hostname and tls_context().verify_mode is ssl.CERT_REQUIRED
