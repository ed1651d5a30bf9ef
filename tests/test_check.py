"""`gateway check` finds what is wrong: for every rule one row is bent, and that rule is named with that row."""

import pytest
from msgspec import structs

from gateway import audit, check
from gateway.config import Queue
from gateway.db import open_store
from tests.scenes import NETBANKING, REFUND_FAILS, UPI_FAILS, Scene, card

HOUR_MS = 3_600_000


@pytest.fixture
def story(scene_to_break: Scene) -> dict[str, str]:
    """A day in the shop, with everything in it that can be bent; the ids by what they are."""
    alice = scene_to_break.alice
    paid = alice.paid(instrument=NETBANKING)
    refunded = alice.refunded(paid, 20_000)
    returned = alice.refunded(alice.paid(instrument=card(REFUND_FAILS)), 10_000)
    scene_to_break.later(6)
    failed, authorised = alice.paid(instrument=UPI_FAILS), alice.authorised()
    cancelled, pending, order = alice.cancel(alice.authorised()), alice.pay(), alice.order()
    scene_to_break.work()
    names = locals()
    assert check.findings(scene_to_break) == []
    made = {name: names[name]["id"] for name in (
        "paid", "refunded", "returned", "failed", "authorised", "cancelled", "pending", "order",
    )}  # fmt: skip
    return made | {"order of paid": paid["order_id"]}


SAVED_BY_NOBODY = """
    INSERT INTO saved_cards (id, merchant_id, mode, customer_id, payment_id, sealed, fingerprint, network, last4,
    expiry_month, expiry_year, holder_name, created_at)
    SELECT 'tok_nobodys', 'alice', 'test', 'cust_unknown', '{paid}', body, '', 'visa', '1111', 12, 2030, 'Asha', 1
    FROM events LIMIT 1"""

# Which rule, what is bent, and whom the finding names.
BENT = [
    ("postings that do not sum to 0",
     "UPDATE ledger_entries SET amount = 49999 WHERE posting = 'capture:{paid}' AND account = 'bank'",
     "capture:{paid}"),
    ("captured payments that the ledger does not know",
     "DELETE FROM ledger_entries WHERE posting = 'capture:{paid}'", "{paid}"),
    ("captured payments that the ledger does not know",
     "UPDATE payments SET amount_captured = 40000 WHERE id = '{paid}'", "{paid}"),
    ("captures in the ledger without a captured payment",
     "UPDATE payments SET captured = 0 WHERE id = '{paid}'", "capture:{paid}"),
    ("payments whose refunded amount is not the sum of their refunds",
     "UPDATE payments SET amount_refunded = 30000 WHERE id = '{paid}'", "{paid}"),
    ("payments whose refunded amount is not the sum of their refunds",
     "DELETE FROM refunds WHERE id = '{refunded}'", "{paid}"),
    ("refunds that the ledger has booked otherwise",
     "DELETE FROM ledger_entries WHERE posting = 'refund_processed:{refunded}'", "{refunded}"),
    ("refunds that the ledger has booked otherwise",
     "DELETE FROM ledger_entries WHERE posting = 'refund_failed:{returned}'", "{returned}"),
    ("refunds that the ledger has booked otherwise",
     "UPDATE refunds SET amount = 19999 WHERE id = '{refunded}'", "{refunded}"),
    ("orders that are paid without a captured payment",
     "UPDATE orders SET status = 'paid', amount_paid = amount WHERE id = '{order}'", "{order}"),
    ("orders that are paid without a captured payment",
     "UPDATE orders SET status = 'attempted', amount_paid = 0 WHERE id = '{order of paid}'", "{order of paid}"),
    ("orders that are paid without a captured payment",
     "UPDATE orders SET amount_paid = 49999 WHERE id = '{order of paid}'", "{order of paid}"),
    ("payments that belong to another merchant or mode",
     "UPDATE payments SET merchant_id = 'bob' WHERE id = '{paid}'", "{paid}"),
    ("payments that belong to another merchant or mode",
     "UPDATE payments SET mode = 'live' WHERE id = '{pending}'", "{pending}"),
    ("payments that belong to another merchant or mode",
     "UPDATE orders SET currency = 'USD' WHERE id = '{order of paid}'", "{paid}"),
    ("refunds that belong to another merchant or mode",
     "UPDATE refunds SET merchant_id = 'bob' WHERE id = '{refunded}'", "{refunded}"),
    ("payments without an event for their status",
     "DELETE FROM events WHERE object_id = '{failed}' AND type = 'payment.failed'", "{failed}"),
    ("refunds without an event for their status",
     "DELETE FROM events WHERE object_id = '{refunded}' AND type = 'refund.processed'", "{refunded}"),
    ("card numbers kept for payments that are final",
     "INSERT INTO sealed_cards SELECT '{cancelled}', body FROM events LIMIT 1", "{cancelled}"),
    ("card numbers kept for payments that are final",
     "INSERT INTO sealed_cards SELECT 'pay_unknown', body FROM events LIMIT 1", "pay_unknown"),
    ("saved card numbers that nobody agreed to have kept", SAVED_BY_NOBODY, "tok_nobodys"),
    ("saved cards of another merchant or mode than their customer", SAVED_BY_NOBODY, "tok_nobodys"),
    ("work that nobody will ever find",
     "UPDATE payments SET status = 'processing', due_at = NULL WHERE id = '{authorised}'", "{authorised}"),
    ("work that nobody will ever find",
     "UPDATE refunds SET status = 'pending', due_at = NULL WHERE id = '{refunded}'", "{refunded}"),
    ("work that has been due for more than ten minutes",
     "UPDATE payments SET due_at = 1 WHERE id = '{authorised}'", "{authorised}"),
    ("work that has been due for more than ten minutes",
     "UPDATE refunds SET due_at = 1, claimed_until = 2 WHERE id = '{refunded}'", "{refunded}"),
    ("payments whose status is not the last of their history",
     "UPDATE payments SET status = 'failed' WHERE id = '{authorised}'", "{authorised}"),
    ("refunds whose status is not the last of their history",
     "DELETE FROM status_changes WHERE object_id = '{refunded}'", "{refunded}"),
    ("payments with an impossible move in their history",
     "UPDATE status_changes SET to_status = 'success' WHERE object_id = '{failed}' AND to_status = 'processing'",
     "{failed}"),
    ("payments with a gap in their history",
     "DELETE FROM status_changes WHERE object_id = '{paid}' AND to_status = 'processing'", "{paid}"),
    ("payments of which the simulated bank says otherwise",
     "UPDATE payments SET status = 'failed', captured = 0, amount_captured = 0, amount_refunded = 0"
     " WHERE id = '{paid}'", "{paid}"),
    ("payments of which the simulated bank says otherwise",
     "UPDATE refunds SET status = 'processed' WHERE id = '{returned}'", ""),
    ("payments of which the simulated bank says otherwise",
     "DELETE FROM payments WHERE id = '{authorised}'", "{authorised}"),
]  # fmt: skip

# What the database itself forbids, so that it has to be talked into it first.
FORBIDDEN = [
    ("payments with more refunded than captured", "UPDATE payments SET amount_refunded = 50001 WHERE id = '{paid}'",
     "{paid}"),
    ("payments with more refunded than captured", "UPDATE payments SET amount_captured = 50001 WHERE id = '{paid}'",
     "{paid}"),
    ("orders with more than one payment that is alive",
     "UPDATE payments SET order_id = '{order of paid}' WHERE id = '{authorised}'", "{order of paid}"),
]  # fmt: skip


def finds(scene: Scene, rule: str, name: str) -> None:
    found = [finding for finding in check.findings(scene) if finding.startswith(rule)]
    assert len(found) == 1, check.findings(scene)
    assert name in found[0]


@pytest.mark.parametrize(("rule", "bend", "name"), BENT)
def test_what_was_bent_is_found(scene_to_break: Scene, story, rule, bend, name):
    scene_to_break.alter(bend.format(**story))
    finds(scene_to_break, rule, name.format(**story))


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("rule", "bend", "name"), FORBIDDEN)
def test_what_the_database_forbids_is_found_too(scene_to_break: Scene, story, rule, bend, name):
    scene_to_break.alter("PRAGMA ignore_check_constraints = on")
    scene_to_break.alter("DROP INDEX payments_one_live_per_order")
    scene_to_break.alter(bend.format(**story))
    finds(scene_to_break, rule, name.format(**story))


@pytest.mark.parametrize(("rule", "bend"), [(rule, bend) for rule, bend, _ in FORBIDDEN])
def test_and_without_talking_it_is_forbidden(scene: Scene, scene_to_break, story, rule, bend):
    with pytest.raises(Exception, match="(?i)constraint|unique"):
        scene.alter(bend.format(**story))


def test_every_rule_was_tried():
    tried = {rule for rule, _, _ in BENT + FORBIDDEN}
    assert not [rule for rule in check.RULES if not any(rule.startswith(start) for start in tried)]


def test_a_charge_that_only_the_bank_knows_is_found(scene_to_break: Scene, story):
    scene_to_break.bank._book._execute("UPDATE charges SET key = 'pay_ghost' WHERE key = ?", (story["authorised"],))
    finds(scene_to_break, "payments of which the simulated bank says otherwise", "pay_ghost")
    finds(scene_to_break, "payments of which the simulated bank says otherwise", story["authorised"])


def test_many_findings_of_a_rule_stay_one_readable_sentence(scene_to_break: Scene, story):
    scene_to_break.alter("INSERT INTO sealed_cards SELECT id, body FROM events")
    (found,) = check.findings(scene_to_break)
    assert found.count("evt_") == 20
    assert found.endswith(" and more")


def test_secrets_that_others_can_read_are_found(scene_to_break: Scene, tmp_path):
    secret = tmp_path / "master.key"
    secret.touch(0o640)
    finds(scene_to_break, f"{secret} can be read by others (mode 640)", "chmod 600")
    secret.chmod(0o600)
    assert check.findings(scene_to_break) == []


def test_a_damaged_queue_is_named_with_what_to_do(scene_to_break: Scene, tmp_path):
    (tmp_path / "queue.db").write_bytes(b"this is no database " * 1_000)
    finds(scene_to_break, "queue: file is not a database; nothing is lost if", str(tmp_path / "queue.db"))


def test_a_redis_that_does_not_answer_is_named(scene_to_break: Scene, redis_url):
    queue = Queue(url=redis_url)
    scene_to_break.config = structs.replace(scene_to_break.config, queue=queue)
    assert check.findings(scene_to_break) == []
    queue = Queue(url="redis://127.0.0.1:1/0")
    scene_to_break.config = structs.replace(scene_to_break.config, queue=queue)
    finds(scene_to_break, "queue: Redis does not answer", "Connection refused")


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_damaged_database_is_named_and_nothing_more_is_claimed(scene_to_break: Scene, story, tmp_path):
    root = scene_to_break.value("SELECT rootpage FROM sqlite_master WHERE name = 'payments'")
    size = scene_to_break.value("PRAGMA page_size")
    scene_to_break.store.close()
    with (tmp_path / "gateway.db").open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    scene_to_break.store = open_store(f"sqlite:///{tmp_path}/gateway.db")
    scene_to_break.store.start()
    found = check.findings(scene_to_break)
    scene_to_break.store.close()
    assert found
    assert all(finding.startswith("database: ") for finding in found)


def test_an_audit_log_that_was_altered_is_named(scene_to_break: Scene):
    store, merchant_id = scene_to_break.store, scene_to_break.alice.owner.merchant_id
    asha = audit.Actor(merchant_id=merchant_id, user_id=None, who="Asha")
    for subject in ("key_1", "key_2", "key_3"):
        store.write_now(audit.record, asha, "key.revoke", subject)
    assert check.findings(scene_to_break) == []
    store.write_now(lambda tx: tx.execute("UPDATE audit_entries SET who = 'nobody' WHERE subject = 'key_2'"))
    [finding] = check.findings(scene_to_break)
    assert merchant_id in finding and "audit log" in finding
