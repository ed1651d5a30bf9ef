"""Cards that customers agreed to have kept: whose they are, how they come and go, and what their merchant sees.

A customer is a browser with a secret, of which a hash stands here, another one for every merchant and mode. A number
comes in when the payment succeeds at which its owner agreed to it, sealed for the row of its token; no CVV ever does.
"""

import hashlib
from typing import Literal, NamedTuple

from msgspec import Struct

from gateway import ids, lists, objects, statements
from gateway.clock import now_ms, rfc3339
from gateway.crypto import MasterKey
from gateway.errors import BadRequest, NotFound
from gateway.models import CustomerPayment
from gateway.objects import Owner, PaymentRow

SECRET_LETTERS = 43  # 256 bits


class SavedRow(Struct, frozen=True):
    """A saved card as it is stored."""

    seq: int
    id: str
    merchant_id: str
    mode: str
    customer_id: str
    sealed: bytes
    network: str
    last4: str
    expiry_month: int
    expiry_year: int
    holder_name: str
    created_at: int
    used_at: int | None

    @property
    def owner(self) -> Owner:
        return Owner(self.merchant_id, self.mode)


class Token(Struct, kw_only=True):
    """A card that a customer agreed to have kept; `id` pays with it."""

    id: str
    entity: Literal["token"] = "token"
    customer_id: str
    method: Literal["card"] = "card"
    card: objects.Card
    used_at: str | None
    created_at: str


class DeletedToken(Struct, kw_only=True):
    """What is gone."""

    id: str
    entity: Literal["token"] = "token"
    deleted: Literal[True] = True


class Promise(NamedTuple):
    """A number that may be kept once its payment succeeds, and whose it is."""

    customer_id: str
    sealed: bytes


COLUMNS = ", ".join(SavedRow.__struct_fields__)


# Customers


def new_secret() -> str:
    """What makes a browser recognisable; it goes into a cookie and nowhere else."""
    return ids.random_letters(SECRET_LETTERS)


def find_customer(tx, owner: Owner, secret: str | None) -> str | None:
    """The owner's customer with this secret, if there is one."""
    found = secret and tx.one("SELECT id FROM customers WHERE secret_hash = ?", (_hash(owner, secret),))
    return found[0] if found else None


def agree(tx, owner: Owner, payment_id: str, secret: str) -> None:
    """Notes that the customer wants the card of this payment kept, should it succeed."""
    tx.execute(
        "INSERT INTO customers (id, merchant_id, mode, secret_hash, created_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (secret_hash) DO NOTHING",
        (ids.new_id("cust"), *owner, _hash(owner, secret), now_ms()),
    )
    customer_id = find_customer(tx, owner, secret)
    CustomerPayment.insert(payment_id=payment_id, customer_id=customer_id, agreed=1).execute()


def of_customer(tx, owner: Owner, secret: str | None) -> list[SavedRow]:
    """The cards of a customer, the one used last first."""
    customer_id = find_customer(tx, owner, secret)
    if not customer_id:
        return []
    rows = tx.all(
        f"SELECT {COLUMNS} FROM saved_cards WHERE customer_id = ? ORDER BY coalesce(used_at, created_at) DESC",
        (customer_id,),
    )
    return [SavedRow(*row) for row in rows]


def _hash(owner: Owner, secret: str) -> str:
    return hashlib.sha256(":".join((*owner, secret)).encode()).hexdigest()


# Paying with a saved card


def find(tx, owner: Owner, token: str) -> SavedRow:
    """The owner's saved card; raises NotFound for anybody else's."""
    row = tx.one(
        f"SELECT {COLUMNS} FROM saved_cards WHERE id = ? AND merchant_id = ? AND mode = ?", (token, *owner)
    )
    if not row:
        raise NotFound("There is no saved card with this token.", field="token")
    return SavedRow(*row)


def check_own(tx, owner: Owner, token: str, secret: str | None) -> None:
    """Raises NotFound where the card is not the one of the customer with this secret."""
    if find(tx, owner, token).customer_id != find_customer(tx, owner, secret):
        raise NotFound("There is no saved card with this token.", field="token")


def use(tx, payment_id: str, saved: SavedRow, with_cvv: bool) -> None:
    """Notes which saved card a payment is made with, and whether the CVV was asked for again."""
    tx.execute("UPDATE saved_cards SET used_at = ? WHERE id = ?", (now_ms(), saved.id))
    CustomerPayment.insert(
        payment_id=payment_id, customer_id=saved.customer_id, token=saved.id, with_cvv=int(with_cvv)
    ).execute()


def goes_without_cvv(tx, payment_id: str) -> bool:
    """Whether a saved card pays for which nobody gave a CVV."""
    return bool(tx.one("SELECT 1 FROM customer_payments WHERE payment_id = ? AND with_cvv = 0", (payment_id,)))


# Keeping and removing


def promise(tx, payment: PaymentRow) -> Promise | None:
    """The number of a payment that is about to succeed, if its customer agreed to have it kept."""
    agreed = tx.one("SELECT customer_id FROM customer_payments WHERE payment_id = ? AND agreed = 1", (payment.id,))
    sealed = agreed and tx.one(statements.SELECT_SEALED_CARD, (payment.id,))
    return Promise(agreed[0], sealed[0]) if agreed and sealed else None


def keep(tx, master: MasterKey, payment: PaymentRow, promised: Promise) -> None:
    """Keeps the card of a payment that has succeeded; one that is kept already keeps its token."""
    number, known = master.unseal(promised.sealed, payment.id), _known(tx, payment, promised)
    token = known or ids.new_id("tok")
    tx.execute("DELETE FROM saved_cards WHERE id = ?", (token,))
    tx.execute(
        "INSERT INTO saved_cards (id, merchant_id, mode, customer_id, payment_id, sealed, fingerprint, network, last4,"
        " expiry_month, expiry_year, holder_name, created_at, used_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token, *payment.owner, promised.customer_id, payment.id, master.seal(number, token),
            payment.card_fingerprint, payment.card_network, payment.card_last4, payment.card_expiry_month,
            payment.card_expiry_year, payment.card_holder_name, now_ms(), now_ms(),
        ),
    )  # fmt: skip
    tx.execute("UPDATE customer_payments SET token = ? WHERE payment_id = ?", (token, payment.id))


def _known(tx, payment: PaymentRow, promised: Promise) -> str | None:
    found = tx.one(
        "SELECT id FROM saved_cards WHERE customer_id = ? AND fingerprint = ?",
        (promised.customer_id, payment.card_fingerprint),
    )
    return found[0] if found else None


def remove(tx, owner: Owner, customer_id: str, token: str) -> DeletedToken:
    """Destroys a saved card, number and all; raises NotFound where the customer has no such card."""
    if find(tx, owner, token).customer_id != customer_id:
        raise NotFound("This customer has no such token.", field="token")
    tx.execute("DELETE FROM saved_cards WHERE id = ?", (token,))
    return DeletedToken(id=token)


def remove_own(tx, token: str, secret: str | None) -> None:
    """The same for the customer with this secret."""
    found = tx.one("SELECT merchant_id, mode FROM saved_cards WHERE id = ?", (token,))
    owner = Owner(*found) if found else Owner("", "")
    check_own(tx, owner, token, secret)
    tx.execute("DELETE FROM saved_cards WHERE id = ?", (token,))


# What the merchant sees


def list_tokens(tx, owner: Owner, customer_id: str, page: lists.Page) -> dict:
    """The customer's saved cards; raises NotFound for anybody else's customer."""
    if not tx.one("SELECT 1 FROM customers WHERE id = ? AND merchant_id = ? AND mode = ?", (customer_id, *owner)):
        raise NotFound("No such customer.", field="customer_id")
    return lists.select(tx, "saved_cards", COLUMNS, owner, page, {"customer_id = ?": customer_id}, SavedRow, show)


def of_payment(tx, owner: Owner, payment_id: str) -> Token:
    """The saved card that a payment was made with or brought in; raises NotFound where there is none."""
    found = tx.one("SELECT token FROM customer_payments WHERE payment_id = ? AND token IS NOT NULL", (payment_id,))
    if not found:
        raise NotFound("This payment has to do with no saved card.", field="payment_id")
    return show(find(tx, owner, found[0]))


def show(row: SavedRow) -> Token:
    return Token(
        id=row.id,
        customer_id=row.customer_id,
        card=objects.Card(row.network, row.last4, row.expiry_month, row.expiry_year, row.holder_name),
        used_at=rfc3339(row.used_at),
        created_at=rfc3339(row.created_at),
    )


def check_token(token: str) -> str:
    """Refuses what cannot be a token."""
    if not ids.SHAPE.fullmatch(token) or not token.startswith("tok_"):
        raise BadRequest("There is no saved card with this token.", field="token")
    return token
