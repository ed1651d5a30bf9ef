"""What the gateway asks of a bank, in five calls that every processor answers the same way.

A processor knows nothing of our tables. It is called outside any transaction, with a key that we stored before the
call, so that the same call can be made again after a crash: the bank does the work once per key. A call that gets no
answer raises `OutcomeUnknown`, which is never a failure; `inquire` with the same key finds the truth later.
"""

from dataclasses import dataclass, field
from typing import Protocol


class OutcomeUnknown(Exception):
    """The processor did not answer: the work may have been done or not. Ask again with the same key."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card in the clear, alive only between unsealing and the processor's call; its repr shows nothing.

    `cvv` is None where a merchant charges a saved card whose owner is not there.
    """

    number: str = field(repr=False)
    expiry_month: int = field(repr=False)
    expiry_year: int = field(repr=False)
    cvv: str | None = field(repr=False)
    holder_name: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Charge:
    """One attempt to take money. `capture` asks for authorisation and capture in one step."""

    key: str
    amount: int
    currency: str
    method: str
    capture: bool
    vpa: str | None = None
    bank: str | None = None
    wallet: str | None = None
    card: Card | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a processor knows about a key.

    `status` is one of
      `pending`          not decided yet: inquire again at `again_at_ms`;
      `requires_action`  the customer must prove who they are (3-D Secure, UPI app); `action` names which;
      `succeeded`        done: authorised (and captured, where asked), captured, voided or refunded;
      `failed`           refused for good, with the `error_*` fields saying why.
    """

    status: str
    reference: str | None = None
    again_at_ms: int | None = None
    action: str | None = None
    error_code: str | None = None
    error_reason: str | None = None
    error_description: str | None = None


class Processor(Protocol):
    """A bank or acquirer. Every call may raise `OutcomeUnknown`; every call is safe to repeat with the same key."""

    name: str

    def submit(self, charge: Charge) -> Outcome:
        """Asks for the money of `charge`; a second submit with the same key answers like `inquire`."""

    def inquire(self, key: str) -> Outcome | None:
        """What became of the charge or refund with this key; None if the processor never heard of it."""

    def capture(self, key: str, amount: int) -> Outcome:
        """Takes `amount` of what was authorised under `key` and releases the rest."""

    def void(self, key: str) -> Outcome:
        """Releases what was authorised under `key`, or withdraws the charge if it is still undecided."""

    def refund(self, key: str, refund_key: str, amount: int) -> Outcome:
        """Gives `amount` of the captured charge `key` back, once per `refund_key`."""
