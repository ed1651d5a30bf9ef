"""The life cycles: what may become what, and that a move happens once, with its line of history, or not at all."""

import itertools

import pytest

from gateway import states
from gateway.objects import PaymentStatus, RefundStatus
from tests.scenes import Scene, Shop

PAYMENT_STATUSES, REFUND_STATUSES = PaymentStatus.__args__, RefundStatus.__args__

# The picture in the contract, and what it says of `cancelled`.
ALLOWED = {
    "payments": {
        ("pending", "processing"), ("pending", "failed"), ("pending", "cancelled"),
        ("processing", "requires_action"), ("processing", "success"), ("processing", "failed"),
        ("processing", "cancelled"),
        ("requires_action", "processing"), ("requires_action", "success"), ("requires_action", "failed"),
        ("requires_action", "cancelled"),
        ("success", "cancelled"),
    },
    "refunds": {("pending", "processed"), ("pending", "failed")},
}  # fmt: skip
MOVES = [
    (table, source, target)
    for table, statuses in (("payments", PAYMENT_STATUSES), ("refunds", REFUND_STATUSES))
    for source, target in itertools.product(statuses, repeat=2)
]


@pytest.mark.parametrize(("table", "source", "target"), MOVES)
def test_the_table_of_moves_is_the_contract(table, source, target):
    assert (target in states.MOVES[table][source]) == ((source, target) in ALLOWED[table])


@pytest.mark.parametrize("table", ["payments", "refunds"])
def test_everything_begins_as_pending(table):
    assert states.MOVES[table][None] == {"pending"}


@pytest.fixture
def moved(scene: Scene, alice: Shop):
    """Tries a move of a new payment that is pending."""
    payment_id = alice.pay()["id"]

    def move(source, target, **columns):
        return scene.store.write_now(lambda tx: states.move(tx, "payments", payment_id, source, target, **columns))

    move.payment_id = payment_id
    yield move
    scene.alter("UPDATE payments SET status = 'pending' WHERE id = ?", payment_id)
    scene.alter("DELETE FROM status_changes WHERE object_id = ? AND from_status IS NOT NULL", payment_id)


def test_a_move_writes_status_columns_and_history_together(scene: Scene, moved):
    assert moved("pending", "processing", step="inquire")
    assert scene.rows("SELECT status, step FROM payments") == [("processing", "inquire")]
    assert scene.history(moved.payment_id) == ["pending", "processing"]


def test_a_move_from_where_it_is_not_changes_nothing(scene: Scene, moved):
    assert not moved("processing", "success")
    assert scene.rows("SELECT status FROM payments") == [("pending",)]
    assert scene.history(moved.payment_id) == ["pending"]


def test_a_move_happens_once(scene: Scene, moved):
    assert moved("pending", "processing")
    assert not moved("pending", "processing")
    assert scene.history(moved.payment_id) == ["pending", "processing"]


def test_a_move_under_a_lost_claim_does_not_happen(scene: Scene, moved):
    assert not moved("pending", "processing", held=1)
    assert scene.history(moved.payment_id) == ["pending"]


@pytest.mark.parametrize(("source", "target"), [("failed", "success"), ("pending", "success"), ("success", "pending")])
def test_a_move_that_does_not_exist_is_a_mistake_of_ours(moved, source, target):
    with pytest.raises(AssertionError, match=f"{source} never becomes {target}"):
        moved(source, target)
