"""Who may enter: passwords, tries, sessions, second factors, invitations, roles, and the book of what was done."""

import pytest

from gateway import accounts, audit, clock, crypto, logins, merchants, two_factor
from gateway.audit import Actor
from gateway.crypto import MasterKey
from gateway.errors import BadRequest, Conflict, NotFound, RateLimited

MASTER = MasterKey(bytes(32))
HASH = crypto.hash_password("correct horse")
SHOP, OTHER_SHOP = "shop", "other-shop"


@pytest.fixture
def do(store, monkeypatch):
    """Runs a unit of work on a gateway with two shops."""
    monkeypatch.setattr(clock, "_offset_ms", 0)
    do = store.write_now
    do(lambda tx: merchants.add(tx, name="Shop", email="owner@shop.test", password_hash=HASH, merchant_id=SHOP))
    do(lambda tx: merchants.add(tx, name="Other", email="o@other.test", password_hash=HASH, merchant_id=OTHER_SHOP))
    return do


@pytest.fixture
def owner(do):
    return do(accounts.find_by_email, "Owner@shop.test ")


def colleague(do, role="viewer", email="new@shop.test"):
    token = do(accounts.invite, SHOP, email, role, "owner@shop.test")
    return do(accounts.accept, token, "New", crypto.hash_password("their password"))


def log_in(do, user, address="10.0.0.1"):
    return do(lambda tx: logins.open_session(tx, user, address=address, agent="Firefox"))


def test_the_founder_of_a_merchant_is_its_owner(owner):
    assert (owner.id, owner.merchant_name, owner.role) == (SHOP, "Shop", "owner")
    assert crypto.password_matches("correct horse", owner.password_hash)


def test_roles_allow_what_they_say():
    table = {role: sorted(may) for role, may in accounts.ROLES.items()}
    assert table == {
        "owner": ["develop", "manage", "operate", "view"],
        "developer": ["develop", "view"],
        "operator": ["operate", "view"],
        "viewer": ["view"],
    }


# Tries


def test_tries_are_counted_whether_the_address_exists_or_not(do):
    for email in ("owner@shop.test", "nobody@nowhere.test"):
        for _ in range(logins.TRIES_FROM_ONE_ADDRESS):
            do(logins.begin, email, "10.0.0.1", 0)
        with pytest.raises(RateLimited) as refusal:
            do(logins.begin, email, "10.0.0.1", 0)
        assert 0 < refusal.value.retry_after_s <= 900
        assert do(logins.begin, email, "10.0.0.2", 0) is None or email.startswith("owner")


def test_the_count_ends_with_its_window(do):
    for _ in range(logins.TRIES_FROM_ONE_ADDRESS):
        do(logins.begin, "owner@shop.test", "10.0.0.1", 0)
    with pytest.raises(RateLimited):
        do(logins.begin, "owner@shop.test", "10.0.0.1", 0)
    clock.forward(15 * 60)
    assert do(logins.begin, "owner@shop.test", "10.0.0.1", 0).id == SHOP


def test_an_address_that_tries_many_accounts_is_slowed_down(do):
    for number in range(3):
        do(logins.begin, f"user{number}@shop.test", "10.0.0.1", 3)
    with pytest.raises(RateLimited):
        do(logins.begin, "user9@shop.test", "10.0.0.1", 3)
    do(logins.begin, "user9@shop.test", "10.0.0.2", 3)


def test_a_right_password_forgets_the_wrong_ones(do, owner):
    for _ in range(logins.TRIES_FROM_ONE_ADDRESS):
        do(logins.begin, owner.email, "10.0.0.1", 0)
    log_in(do, owner)
    assert do(logins.begin, owner.email, "10.0.0.1", 0)


# Sessions


def test_a_session_belongs_to_its_token_and_ends_idle_or_old(do, owner):
    token = log_in(do, owner)
    session = do(logins.find_session, token)
    assert session.user.id == owner.id and session.owner == (SHOP, "test") and session.confirmed
    assert do(logins.find_session, token[:-1]) is None
    assert do(lambda tx: tx.one("SELECT count(*) FROM sessions WHERE id = ?", (token,)))[0] == 0, "only a hash is kept"
    clock.forward(16 * 60)
    assert not do(logins.find_session, token).confirmed
    clock.forward(12 * 3600)
    assert do(logins.find_session, token) is None


def test_a_new_password_ends_every_other_session(do, owner):
    here, elsewhere = log_in(do, owner), log_in(do, owner)
    session = do(logins.find_session, here)
    do(lambda tx: accounts.set_password(tx, owner, crypto.hash_password("new pass"), keep_session=session.id))
    assert do(logins.find_session, here) and not do(logins.find_session, elsewhere)
    assert crypto.password_matches("new pass", do(merchants.find, SHOP).password_hash), "tokens of the API follow"


def test_nobody_ends_the_session_of_another(do, owner):
    session = do(logins.find_session, log_in(do, owner))
    assert not do(logins.close_session, session.id, "somebody else")
    assert do(logins.close_session, session.id, owner.id)


# The second factor

RFC_6238 = [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]


@pytest.mark.parametrize(("at_s", "code"), RFC_6238)
def test_codes_are_those_of_rfc_6238(at_s, code, monkeypatch):
    monkeypatch.setattr(two_factor, "now_ms", lambda: at_s * 1000)
    assert two_factor.matching_step("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", code) == at_s // 30


def test_a_code_and_a_recovery_code_work_once_each(do, owner):
    secret = two_factor.new_secret()
    recovery = do(two_factor.turn_on, MASTER, owner.id, secret)
    owner = do(accounts.find, owner.id)
    code = two_factor._totp(secret).generate(clock.now_ms() // 1000).decode()
    uses = [do(two_factor.use_code, MASTER, owner, tried) for tried in (code, code, recovery[3], recovery[3], "000000")]
    assert uses == [True, False, True, False, False]
    assert do(two_factor.recovery_codes_left, owner.id) == two_factor.RECOVERY_CODES - 1
    stored = do(lambda tx: tx.one("SELECT recovery_codes, totp_sealed FROM users WHERE id = ?", (owner.id,)))
    assert recovery[0] not in stored[0] and secret.encode() not in bytes(stored[1])


def test_the_code_that_turned_it_on_opens_nothing(do, owner):
    secret = two_factor.new_secret()
    code = two_factor._totp(secret).generate(clock.now_ms() // 1000).decode()
    do(two_factor.turn_on, MASTER, owner.id, secret, two_factor.matching_step(secret, code))
    user = do(accounts.find, owner.id)
    assert not do(two_factor.use_code, MASTER, user, code)
    clock.forward(two_factor.STEP_S)
    assert do(two_factor.use_code, MASTER, user, two_factor._totp(secret).generate(clock.now_ms() // 1000).decode())


def test_the_session_gets_a_new_token_with_the_second_factor(do, owner):
    do(two_factor.turn_on, MASTER, owner.id, two_factor.new_secret())
    half_open = log_in(do, do(accounts.find, owner.id))
    session = do(logins.find_session, half_open)
    assert session.second_factor_due
    token = do(logins.second_factor_given, session)
    assert do(logins.find_session, half_open) is None
    assert not do(logins.find_session, token).second_factor_due


# The team


def test_an_invitation_is_taken_once_and_grows_old(do):
    token = do(accounts.invite, SHOP, "new@shop.test", "operator", "owner@shop.test")
    user = do(accounts.accept, token, "New", HASH)
    assert (user.merchant_id, user.email, user.role) == (SHOP, "new@shop.test", "operator")
    with pytest.raises(NotFound):
        do(accounts.accept, token, "New", HASH)
    late = do(accounts.invite, SHOP, "late@shop.test", "viewer", "owner@shop.test")
    clock.forward(8 * 24 * 3600)
    with pytest.raises(NotFound):
        do(accounts.find_invitation, late)


def test_one_person_has_one_account(do):
    with pytest.raises(BadRequest):
        do(accounts.invite, SHOP, "o@other.test", "viewer", "owner@shop.test")
    first = do(accounts.invite, SHOP, "new@both.test", "viewer", "owner@shop.test")
    second = do(accounts.invite, OTHER_SHOP, "new@both.test", "viewer", "o@other.test")
    do(accounts.accept, first, "New", HASH)
    with pytest.raises(Conflict):
        do(accounts.accept, second, "New", HASH)


def test_an_owner_remains(do, owner):
    user = colleague(do)
    with pytest.raises(BadRequest):
        do(accounts.change_role, SHOP, owner.id, "viewer")
    do(accounts.change_role, SHOP, user.id, "owner")
    do(accounts.change_role, SHOP, owner.id, "viewer")
    with pytest.raises(BadRequest):
        do(accounts.remove, SHOP, user.id)


def test_a_colleague_who_leaves_is_logged_out(do):
    user = colleague(do)
    token = log_in(do, user)
    do(accounts.remove, SHOP, user.id)
    assert do(logins.find_session, token) is None


@pytest.mark.parametrize("deed", [accounts.change_role, accounts.remove])
def test_another_shops_people_are_out_of_reach(do, deed):
    user = colleague(do)
    with pytest.raises(NotFound):
        do(deed, OTHER_SHOP, user.id, *(["owner"] if deed is accounts.change_role else []))


# The book


def test_what_was_done_is_written_with_the_deed_or_not_at_all(do):
    actor = Actor(SHOP, SHOP, "owner@shop.test", "10.0.0.1")
    with pytest.raises(NotFound):
        do(audit.done, actor, "team.remove", "x", "", accounts.remove, SHOP, "x")
    token = do(audit.done, actor, "team.invite", "a@b.test", "viewer", accounts.invite, SHOP, "a@b.test", "viewer", "o")
    assert do(accounts.find_invitation, token)
    book = do(lambda tx: audit.entries(tx, SHOP, before=None, limit=10))
    assert [(entry.who, entry.action) for entry in book] == [("owner@shop.test", "team.invite")]


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE audit_entries SET who = 'nobody' WHERE seq = {seq}",
        "UPDATE audit_entries SET detail = 'a\nb' WHERE seq = {seq}",
        "DELETE FROM audit_entries WHERE seq = {seq}",
    ],
    ids=["another author", "another detail", "a missing entry"],
)
def test_a_book_that_was_altered_shows_where(do, tampering):
    for number in range(4):
        do(lambda tx, number=number: audit.record(tx, Actor(SHOP, None, "command line"), "user.list", str(number)))
    assert do(audit.broken_link, SHOP) is None
    seqs = do(lambda tx: [entry.seq for entry in audit.entries(tx, SHOP, before=None, limit=9)])[::-1]
    do(lambda tx: tx.execute(tampering.format(seq=seqs[1])))
    assert do(audit.broken_link, SHOP) in seqs[1:3]
