"""Sealing, hashing, and the memory of CVVs."""

import base64
import stat

import pytest

from gateway import crypto, cvv
from gateway.crypto import MasterKey, SealBroken, Secret
from gateway.cvv import CvvMemory

KEY, OTHER = MasterKey(bytes(32)), MasterKey(bytes([1]) * 32)


def test_what_is_sealed_opens_for_its_row():
    sealed = KEY.seal("sécret ₹", "row_1")
    assert KEY.unseal(sealed, "row_1") == "sécret ₹"
    assert "sécret ₹".encode() not in sealed
    assert KEY.seal("sécret ₹", "row_1") != sealed


@pytest.mark.parametrize(
    ("key", "change", "row"),
    [
        (OTHER, bytes, "row_1"),
        (KEY, bytes, "row_2"),
        (KEY, lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), "row_1"),
        (KEY, lambda sealed: sealed[:10], "row_1"),
        (KEY, lambda sealed: b"", "row_1"),
    ],
)
def test_it_opens_with_nothing_else(key, change, row):
    with pytest.raises(SealBroken):
        key.unseal(change(KEY.seal("secret", "row_1")), row)


def test_nothing_secret_has_a_readable_repr():
    assert repr(Secret("hush")) == "'***'"
    assert f"{[Secret('hush')]}" == "['***']"
    assert KEY.id.hex() in repr(KEY)
    assert bytes(32).hex() not in repr(KEY)
    assert repr(KEY.unseal(KEY.seal("hush", "row"), "row")) == "'***'"


def test_keys_for_different_purposes_have_nothing_in_common():
    derived = {KEY.derive("one"), KEY.derive("two"), OTHER.derive("one")}
    assert len(derived) == 3
    assert KEY.derive("one") == MasterKey(bytes(32)).derive("one")
    assert all(len(key) == 32 for key in derived)


def test_a_master_key_is_made_once_for_its_owner_alone(tmp_path):
    file = tmp_path / "master.key"
    first = crypto.load_master_key("", file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert crypto.load_master_key("", file).id == first.id


def test_the_configured_master_key_goes_before_the_file(tmp_path):
    encoded = base64.b64encode(bytes(32)).decode()
    assert crypto.load_master_key(encoded, tmp_path / "master.key").id == KEY.id
    assert not (tmp_path / "master.key").exists()


@pytest.mark.parametrize("wrong", ["short", base64.b64encode(bytes(31)).decode(), "ä" * 44, "!" * 44])
def test_a_wrong_master_key_is_named_by_where_it_came_from(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"security.master_key: expected base64 of 32 bytes"):
        crypto.load_master_key(wrong, tmp_path / "master.key")
    (tmp_path / "master.key").write_text(wrong)
    with pytest.raises(ValueError, match=r"master.key: expected base64 of 32 bytes"):
        crypto.load_master_key("", tmp_path / "master.key")


def test_passwords_are_hashed_with_a_salt_and_checked():
    hashed = crypto.hash_password("pässword")
    assert hashed != crypto.hash_password("pässword")
    assert crypto.password_matches("pässword", hashed)
    for wrong in ("password", "", "pässword ", "x" * 100_000, "\ud800"):
        assert not crypto.password_matches(wrong, hashed)


class Monotonic:
    s = 0.0

    def __call__(self) -> float:
        return self.s


def test_a_cvv_is_remembered_for_half_an_hour_and_forgotten_when_told():
    clock = Monotonic()
    memory = CvvMemory(clock)
    memory.keep("pay_1", "123")
    memory.keep("pay_2", "456")
    clock.s = cvv.KEPT_S - 1
    assert memory.get("pay_1") == "123"
    memory.forget("pay_1")
    memory.forget("pay_1")
    assert (memory.get("pay_1"), memory.get("pay_2")) == (None, "456")
    clock.s = cvv.KEPT_S
    assert memory.get("pay_2") is None


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cvv, "HELD_MAX", 3)
    memory = CvvMemory()
    for number in range(5):
        memory.keep(f"pay_{number}", str(number))
    assert [memory.get(f"pay_{number}") for number in range(5)] == [None, None, "2", "3", "4"]
    assert repr(memory) == "CvvMemory(3 held)"
