"""Merchants and their keys: who may be one, what opens, and what is worth nothing any more."""

import re

import pytest

from gateway import crypto, lockouts, merchants
from gateway.crypto import MasterKey, SealBroken
from gateway.errors import BadRequest, NotFound
from tests.scenes import MASTER, PASSWORD, PASSWORD_HASH, Scene


@pytest.fixture
def do(scene: Scene):
    return scene.store.write_now


def add(do, email="carol@shop.test", name="Carol's Cakes") -> str:
    return do(lambda tx: merchants.add(tx, name=name, email=email, password_hash=PASSWORD_HASH))


def test_a_merchant_is_found_by_id_and_by_address_however_it_is_written(do):
    merchant_id = add(do, " Carol@Shop.Test ", "  Carol's Cakes ")
    found = do(merchants.find_by_email, "CAROL@shop.test ")
    assert (found.id, found.email, found.name) == (merchant_id, "carol@shop.test", "Carol's Cakes")
    assert do(merchants.find, merchant_id).email == "carol@shop.test"
    assert [row["email"] for row in do(merchants.list_merchants)][-1] == "carol@shop.test"
    with pytest.raises(NotFound):
        do(merchants.find, "nobody")


@pytest.mark.parametrize(
    ("email", "name", "field"),
    [
        ("carol", "Carol", "email"),
        ("", "Carol", "email"),
        ("a b@shop.test", "Carol", "email"),
        ("a@b@c", "Carol", "email"),
        ("alice@shop.test", "Carol", "email"),
        ("ALICE@shop.test", "Carol", "email"),
        ("carol@shop.test", "", "name"),
        ("carol@shop.test", "x" * 101, "name"),
        ("carol@shop.test", "Car\nol", "name"),
    ],
)
def test_who_cannot_be_one(do, email, name, field):
    with pytest.raises(BadRequest) as refused:
        add(do, email, name)
    assert refused.value.field == field


@pytest.mark.parametrize(("password", "good"), [("1234567", False), ("12345678", True), ("x" * 257, False)])
def test_a_password_has_a_length(password, good):
    if good:
        assert merchants.check_password(password) == password
        return
    with pytest.raises(BadRequest):
        merchants.check_password(password)


@pytest.mark.parametrize("mode", ["test", "live"])
def test_a_key_names_its_mode_and_its_secret_is_sealed(scene: Scene, do, mode):
    key_id, secret = do(merchants.create_key, MASTER, "alice", mode, "Shop server")
    assert re.fullmatch(f"key_{mode}_[A-Za-z0-9]{{16}}", key_id)
    assert re.fullmatch(f"secret_{mode}_[A-Za-z0-9]{{40}}", secret)
    assert repr(secret) == "'***'"
    row = do(merchants.find_key, key_id)
    assert row.owner == ("alice", mode)
    assert secret.encode() not in row.secret_sealed
    assert MASTER.unseal(row.secret_sealed, key_id) == secret
    with pytest.raises(SealBroken):
        MASTER.unseal(row.secret_sealed, "key_test_other")


def test_keys_are_listed_without_their_secrets(do):
    key_id, secret = do(merchants.create_key, MASTER, "bob", "test", "Shop server")
    do(merchants.key_was_used, key_id, 1_700_000_000_000)
    listed = do(merchants.list_keys, "bob")
    assert [key["id"] for key in listed] == ["key_test_bob", key_id]
    assert (listed[1]["name"], listed[1]["last_used_at"]) == ("Shop server", "2023-11-14T22:13:20.000Z")
    assert secret not in repr(do(merchants.list_keys))
    assert len(do(merchants.list_keys)) == 3


def test_a_key_needs_a_merchant(do):
    with pytest.raises(NotFound):
        do(merchants.create_key, MASTER, "nobody", "test")


def test_a_revoked_key_stays_revoked_and_the_newest_good_one_counts(do):
    key_id, _ = do(merchants.create_key, MASTER, "alice", "test")
    assert do(merchants.newest_key, ("alice", "test")).id == key_id
    do(merchants.revoke_key, key_id)
    revoked_at = do(merchants.find_key, key_id).revoked_at
    do(merchants.revoke_key, key_id)
    assert do(merchants.find_key, key_id).revoked_at == revoked_at
    assert do(merchants.newest_key, ("alice", "test")).id == "key_test_alice"
    assert do(merchants.newest_key, ("alice", "live")) is None


def test_only_the_owner_can_revoke_it(do):
    for key_id, merchant_id in (("key_test_alice", "bob"), ("key_test_nobody", None)):
        with pytest.raises(NotFound):
            do(merchants.revoke_key, key_id, merchant_id)
    do(merchants.revoke_key, "key_test_alice", "alice")


def test_the_demo_merchant_is_the_one_of_the_contract_and_comes_once(do):
    hashed = crypto.hash_password(merchants.DEMO_PASSWORD)
    assert do(merchants.seed_demo, MASTER, hashed)
    assert not do(merchants.seed_demo, MASTER, hashed)
    demo = do(merchants.find_by_email, "test@example.com")
    assert demo.id == "550e8400-e29b-41d4-a716-446655440000"
    assert crypto.password_matches("test1234", demo.password_hash)
    key = do(merchants.find_key, "key_test_abc123")
    assert MASTER.unseal(key.secret_sealed, key.id) == "secret_test_xyz789"


def test_a_database_knows_the_master_key_that_sealed_it(do):
    do(merchants.remember_master_key, MASTER)
    do(merchants.remember_master_key, MASTER)
    with pytest.raises(SealBroken, match="put the right one back"):
        do(merchants.remember_master_key, MasterKey(bytes(32)))


def test_the_password_is_not_stored(scene: Scene):
    assert PASSWORD not in str(scene.rows("SELECT * FROM merchants"))
    assert all(hashed.startswith("$argon2id$v=19$m=19456,t=2,p=1$") for hashed in scene.values(
        "SELECT password_hash FROM merchants"
    ))  # fmt: skip


def test_the_demos_secrets_are_known_until_both_are_changed(do, scene: Scene):
    assert not do(merchants.has_demo_secrets)
    do(merchants.seed_demo, MASTER, crypto.hash_password(merchants.DEMO_PASSWORD))
    assert do(merchants.has_demo_secrets)
    do(merchants.revoke_key, merchants.DEMO_KEY_ID)
    assert do(merchants.has_demo_secrets)
    do(lockouts.reset_password, merchants.DEMO_EMAIL, PASSWORD_HASH)
    assert not do(merchants.has_demo_secrets)
