"""Helping people back in: what the operator of the server can do for a user who is locked out."""

from gateway import accounts, audit, two_factor
from gateway.audit import Actor
from gateway.errors import NotFound

OPERATOR = "command line"


def reset_password(tx, email: str, password_hash: str) -> None:
    """Gives a user a new password and ends all their sessions; raises NotFound."""
    user = _user(tx, email)
    accounts.set_password(tx, user, password_hash)
    tx.execute("DELETE FROM login_counts")
    _note(tx, user, "user.reset_password")


def disable_two_factor(tx, email: str) -> None:
    """Lets a user in without the second factor again; raises NotFound. Safe to repeat."""
    user = _user(tx, email)
    two_factor.turn_off(tx, user.id)
    _note(tx, user, "user.disable_2fa")


def _user(tx, email: str) -> accounts.User:
    user = accounts.find_by_email(tx, email)
    if user is None:
        raise NotFound("There is no user with this e-mail address.")
    return user


def _note(tx, user: accounts.User, action: str) -> None:
    audit.record(tx, Actor(user.merchant_id, None, OPERATOR), action, user.email)
