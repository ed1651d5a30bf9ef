"""Payments as merchants and customers ask for them: start, capture, cancel, show.

Nothing here talks to a bank. A request writes rows, among them the work that is due; `gateway.settlement` does it.
"""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway import bell, cards, events, ledger, lists, money, objects, orders, saved_cards, statements, states, vpa
from gateway.clock import now_ms
from gateway.crypto import MasterKey, Secret
from gateway.cvv import CvvMemory
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ids import new_id
from gateway.objects import Owner, PaymentRow
from gateway.processors import Card

NOT_CAPTURABLE = "Payment not in capturable state"
NOT_CANCELLABLE = "Payment not in cancellable state"


class CardFields(Struct, forbid_unknown_fields=True):
    """A card in the clear, on its way in; it never leaves this request unsealed."""

    number: str
    expiry_month: int | str
    expiry_year: int | str
    cvv: str
    holder_name: str

    def __repr__(self) -> str:
        return "CardFields(***)"


class NewPayment(Struct, forbid_unknown_fields=True):
    """What it takes to pay an order: the method, and what belongs to it."""

    order_id: str
    method: objects.Method
    vpa: Annotated[str, Meta(description="for upi")] | None = None
    card: Annotated[CardFields, Meta(description="for card")] | None = None
    token: Annotated[str, Meta(description="for card: a saved one instead")] | None = None
    bank: Annotated[str, Meta(description="for netbanking: the bank's code")] | None = None
    wallet: Annotated[str, Meta(description="for wallet: its name")] | None = None


class Capture(Struct, forbid_unknown_fields=True):
    """How much to capture; all of it where nothing is said."""

    amount: money.Amount | None = None


class Nothing(Struct, forbid_unknown_fields=True):
    """A body without fields."""


class Draft(Struct, frozen=True):
    """A payment that has passed every check which needs no database."""

    order_id: str
    method: str
    vpa: str | None = None
    bank: str | None = None
    wallet: str | None = None
    card: Card | None = None
    card_network: str | None = None
    token: str | None = None
    cvv: Secret | None = None  # beside a token


METHOD_FIELDS = {"upi": {"vpa"}, "card": {"card", "token"}, "netbanking": {"bank"}, "wallet": {"wallet"}}


def check(new: NewPayment) -> Draft:
    """Refuses a payment that no bank would take; raises BadRequest, InvalidVpa, InvalidCard or ExpiredCard."""
    for other in {"vpa", "card", "token", "bank", "wallet"} - METHOD_FIELDS[new.method]:
        if getattr(new, other) is not None:
            raise BadRequest(f"{other} does not go with method {new.method}.", field=other)
    if new.method == "upi":
        return Draft(new.order_id, "upi", vpa=vpa.check_vpa(new.vpa))
    if new.method == "netbanking":
        return Draft(new.order_id, "netbanking", bank=vpa.check_bank(new.bank))
    if new.method == "wallet":
        return Draft(new.order_id, "wallet", wallet=vpa.check_wallet(new.wallet))
    if new.token is not None:
        if new.card is not None:
            raise BadRequest("A card payment needs either card or token.", field="token")
        return Draft(new.order_id, "card", token=saved_cards.check_token(new.token))
    if new.card is None:
        raise BadRequest("A card payment needs card or token.", field="card")
    fields = new.card
    card, network = cards.check(
        number=fields.number,
        expiry_month=fields.expiry_month,
        expiry_year=fields.expiry_year,
        cvv=fields.cvv,
        holder_name=fields.holder_name,
        now_ms=now_ms(),
    )
    return Draft(new.order_id, "card", card=card, card_network=network)


class Desk:
    """Where payments are accepted: it holds the key that seals card numbers, the CVVs, and who processes which mode."""

    def __init__(self, *, master: MasterKey, cvvs: CvvMemory, processor_of: dict[str, str]):
        self._master = master
        self._cvvs = cvvs
        self._processor_of = processor_of
        self._fingerprint_key = master.derive("card fingerprint")

    def start(self, tx, owner: Owner, draft: Draft) -> bytes:
        """Writes a pending payment with all that follows from it and returns it as JSON.

        Raises NotFound without the order or the saved card, ExpiredCard or InvalidCard for a saved one that cannot pay,
        Conflict where the order is paid or has a payment that is still alive.
        """
        saved = saved_cards.find(tx, owner, draft.token) if draft.token else None
        if saved:
            draft = self._on_file(draft, saved)
        row = self._row(owner, orders.attempt(tx, owner, draft.order_id), draft)
        if tx.changed(statements.INSERT_PAYMENT, _values(row)) != 1:
            raise Conflict("Another payment of this order is in progress or has succeeded.", reason="payment_alive")
        states.remember(tx, row.id, None, "pending", row.created_at)
        if draft.card:
            self._keep_card(tx, row.id, draft.card)
        if saved:
            saved_cards.use(tx, row.id, saved, with_cvv=draft.cvv is not None)
        shown = objects.encode(objects.payment(row))
        events.record_each(tx, owner, ("payment.created", "payment.pending"), row.id, "payment", shown)
        tx.after_commit(bell.ring_payments)
        return shown

    def _on_file(self, draft: Draft, saved: saved_cards.SavedRow) -> Draft:
        number = self._master.unseal(saved.sealed, saved.id)
        on_file = Card(number, saved.expiry_month, saved.expiry_year, draft.cvv, saved.holder_name)
        card, network = cards.check_again(on_file, now_ms())
        return msgspec.structs.replace(draft, card=card, card_network=network)

    def _row(self, owner: Owner, order: objects.OrderRow, draft: Draft) -> PaymentRow:
        now, card = now_ms(), draft.card
        return PaymentRow(
            seq=0,
            id=new_id("pay"),
            merchant_id=owner.merchant_id,
            mode=owner.mode,
            order_id=order.id,
            amount=order.amount,
            currency=order.currency,
            method=draft.method,
            status="pending",
            capture=order.capture,
            captured=0,
            amount_captured=0,
            amount_refunded=0,
            vpa=draft.vpa,
            bank=draft.bank,
            wallet=draft.wallet,
            card_network=draft.card_network,
            card_last4=cards.last4(card.number) if card else None,
            card_expiry_month=card.expiry_month if card else None,
            card_expiry_year=card.expiry_year if card else None,
            card_holder_name=card.holder_name if card else None,
            card_fingerprint=cards.fingerprint(card.number, self._fingerprint_key) if card else None,
            processor=self._processor(owner.mode),
            processor_reference=None,
            step="submit",
            action=None,
            action_expires_at=None,
            error_code=None,
            error_description=None,
            error_reason=None,
            created_at=now,
            updated_at=now,
            due_at=now,
            claimed_until=None,
            work_attempts=0,
        )

    def _processor(self, mode: str) -> str:
        if mode not in self._processor_of:
            raise BadRequest(f"No bank is set up for {mode} payments yet.", reason="no_processor")
        return self._processor_of[mode]

    def _keep_card(self, tx, payment_id: str, card: Card) -> None:
        tx.execute(statements.INSERT_SEALED_CARD, (payment_id, self._master.seal(card.number, payment_id)))
        # Before the commit: a moment after it another thread may ask the bank, and take a missing CVV for a lost one.
        if card.cvv is not None:
            self._cvvs.keep(payment_id, card.cvv)


def capture(tx, owner: Owner, payment_id: str, amount: int | None) -> bytes:
    """Takes all or part of an authorised payment, once; what is left is released. Returns the payment as JSON.

    Raises NotFound, or BadRequest where the payment cannot be captured or not by this much.
    """
    payment = find(tx, owner, payment_id)
    amount = payment.amount if amount is None else amount
    if payment.status != "success" or payment.captured:
        raise BadRequest(NOT_CAPTURABLE, reason="not_capturable")
    money.check_amount(amount, payment.currency)
    if amount > payment.amount:
        raise BadRequest("Capture amount exceeds the authorised amount", field="amount")
    orders.hold(tx, payment.order_id)
    taken = tx.changed(
        "UPDATE payments SET captured = 1, amount_captured = ?, step = 'capture', due_at = ?, claimed_until = NULL,"
        " work_attempts = 0, updated_at = ? WHERE id = ? AND status = 'success' AND captured = 0",
        (amount, now_ms(), now_ms(), payment_id),
    )
    if taken != 1:
        raise BadRequest(NOT_CAPTURABLE, reason="not_capturable")
    tx.after_commit(bell.ring_payments)
    return announce_capture(tx, find(tx, owner, payment_id))


def announce_capture(tx, payment: PaymentRow) -> bytes:
    """Books a capture that has just been written, pays the order and says so."""
    ledger.captured(tx, payment.owner, payment.id, payment.amount_captured, payment.currency)
    shown = objects.encode(objects.payment(payment))
    events.record(tx, payment.owner, "payment.captured", payment.id, "payment", shown)
    order = objects.encode(objects.order(orders.paid(tx, payment.order_id, payment.amount_captured)))
    events.record(tx, payment.owner, "order.paid", payment.order_id, "order", order)
    return shown


def cancel(tx, owner: Owner, payment_id: str) -> bytes:
    """Ends a payment that is not captured; what the bank may have authorised is voided. Returns it as JSON.

    Raises NotFound, or BadRequest where it is too late.
    """
    payment = find(tx, owner, payment_id)
    if payment.captured or "cancelled" not in states.PAYMENT_MOVES[payment.status]:
        raise BadRequest(NOT_CANCELLABLE, reason="not_cancellable")
    unknown_to_bank = payment.status == "pending"
    work = {"step": None, "due_at": None} if unknown_to_bank else {"step": "void", "due_at": now_ms()}
    if not states.move(tx, "payments", payment_id, payment.status, "cancelled", **work, work_attempts=0):
        raise Conflict("The payment has just changed. Look at it again.", reason="payment_changed")
    tx.execute(statements.DELETE_SEALED_CARD, (payment_id,))
    if not unknown_to_bank:
        tx.after_commit(bell.ring_payments)
    shown = objects.encode(objects.payment(find(tx, owner, payment_id)))
    events.record(tx, owner, "payment.cancelled", payment_id, "payment", shown)
    return shown


def find(tx, owner: Owner, payment_id: str) -> PaymentRow:
    """The owner's payment; raises NotFound for anybody else's."""
    row = tx.one(statements.SELECT_PAYMENT, (payment_id, *owner))
    if not row:
        raise NotFound("No such payment.", field="payment_id")
    return PaymentRow(*row)


def show(tx, owner: Owner, payment_id: str) -> objects.Payment:
    return objects.payment(find(tx, owner, payment_id))


def list_payments(
    tx, owner: Owner, page: lists.Page, *, order_id=None, status=None, method=None, since=None, until=None
) -> dict:
    filters = {
        lists.of_one("payments", "order_id"): order_id,
        "status = ?": status,
        "method = ?": method,
        "created_at >= ?": since,
        "created_at <= ?": until,
    }
    return lists.select(
        tx, "payments", statements.PAYMENT_COLUMNS, owner, page, filters, PaymentRow, objects.payment
    )


def _values(row: PaymentRow) -> tuple:
    return msgspec.structs.astuple(row)[1:]
