"""Back in from the command line: a forgotten password, a lost phone."""

import pytest
from click.testing import CliRunner

from gateway import accounts, audit, crypto, logins, merchants, two_factor
from gateway.cli import main
from gateway.config import Config
from gateway.errors import RateLimited
from gateway.server import Instance

EMAIL = "owner@shop.test"


@pytest.fixture
def data(tmp_path):
    """A gateway whose owner has a second factor, a session, and has tried too often."""
    with Instance(Config(data_dir=tmp_path)) as instance:
        do = instance.store.write_now
        password_hash = crypto.hash_password("forgotten")
        do(lambda tx: merchants.add(tx, name="Shop", email=EMAIL, password_hash=password_hash))
        owner = do(accounts.find_by_email, EMAIL)
        do(two_factor.turn_on, instance.master, owner.id, two_factor.new_secret())
        do(lambda tx: logins.open_session(tx, owner, address="10.0.0.1", agent=""))
        for _ in range(logins.TRIES_FROM_ONE_ADDRESS):
            do(logins.begin, EMAIL, "10.0.0.1", 0)
        with pytest.raises(RateLimited):
            do(logins.begin, EMAIL, "10.0.0.1", 0)
    return tmp_path


def run(data, *command: str):
    return CliRunner().invoke(main, ["user", *command, "--data", str(data)])


def owner_of(data):
    with Instance(Config(data_dir=data)) as instance:
        user = instance.store.write_now(logins.begin, EMAIL, "10.0.0.1", 0)
        sessions = instance.store.read_now(logins.sessions_of, user.id)
        book = instance.store.read_now(lambda tx: audit.entries(tx, user.merchant_id, before=None, limit=10))
        return user, sessions, [(entry.who, entry.action) for entry in book]


def test_everybody_is_listed(data):
    assert run(data, "list").output.split()[:3] == [EMAIL, "owner", "2fa"]


def test_a_new_password_lets_in_again_and_ends_every_session(data):
    assert run(data, "reset-password", EMAIL, "--password", "remembered").exit_code == 0
    user, sessions, book = owner_of(data)
    assert crypto.password_matches("remembered", user.password_hash) and sessions == []
    assert book == [("command line", "user.reset_password")]


def test_a_lost_phone_is_forgiven(data):
    run(data, "reset-password", EMAIL, "--password", "remembered")
    assert run(data, "disable-2fa", EMAIL).exit_code == 0
    assert not owner_of(data)[0].two_factor


@pytest.mark.parametrize(
    "command", [("reset-password", "x@shop.test", "--password", "long enough"), ("disable-2fa", "x@shop.test"),
                ("reset-password", EMAIL, "--password", "short")],
)  # fmt: skip
def test_what_cannot_be_done_is_one_line_and_an_exit_code(data, command):
    done = run(data, *command)
    assert done.exit_code == 1 and done.stderr.startswith("gateway: ") and done.stderr.count("\n") == 1
