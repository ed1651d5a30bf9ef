"""The people of a merchant: roles and what each may do, the team, passwords."""

import hashlib
import secrets

from msgspec import Struct

from gateway import merchants
from gateway.clock import now_ms
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ids import new_id

# What a role may do. `operate` moves money and makes orders, `develop` holds keys and webhooks, `manage` the rest.
ROLES = {
    "owner": frozenset({"view", "operate", "develop", "manage"}),
    "developer": frozenset({"view", "develop"}),
    "operator": frozenset({"view", "operate"}),
    "viewer": frozenset({"view"}),
}
INVITATION_LASTS_MS = 7 * 24 * 3600 * 1000
TEAM_MAX = 200
TOKEN_BYTES = 32

COLUMNS = (
    "u.id, u.merchant_id, m.name, u.email, u.name, u.role, coalesce(u.password_hash, m.password_hash),"
    " u.totp_sealed, u.created_at, u.seen_at"
)
FROM_USERS = "FROM users u JOIN merchants m ON m.id = u.merchant_id"

# The person who founded a merchant becomes a user when somebody first asks: merchants are older than users.
_ADD_FOUNDERS = (
    "INSERT INTO users (id, merchant_id, email, name, role, totp_used_step, recovery_codes, created_at)"
    " SELECT id, id, email, '', 'owner', 0, '[]', created_at FROM merchants m"
    " WHERE NOT EXISTS (SELECT 1 FROM users u WHERE u.id = m.id) AND {which}"
)


class User(Struct, frozen=True):
    """A person, with the name of the merchant they work for."""

    id: str
    merchant_id: str
    merchant_name: str
    email: str
    name: str
    role: str
    password_hash: str
    totp_sealed: bytes | None
    created_at: int
    seen_at: int | None

    def __repr__(self) -> str:
        return f"User({self.id})"

    @property
    def two_factor(self) -> bool:
        return self.totp_sealed is not None

    def may(self, permission: str) -> bool:
        return permission in ROLES[self.role]


class Invitation(Struct, frozen=True):
    """An open place in a team."""

    id: str
    merchant_id: str
    merchant_name: str
    email: str
    role: str
    invited_by: str
    created_at: int
    expires_at: int


def token_and_id() -> tuple[str, str]:
    """A secret for a link or cookie, and the hash under which its row is found."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return token, row_id(token)


def row_id(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def find(tx, user_id: str) -> User:
    row = tx.one(f"SELECT {COLUMNS} {FROM_USERS} WHERE u.id = ?", (user_id,))
    if not row:
        raise NotFound("No such user.")
    return User(*row)


def find_by_email(tx, email: str) -> User | None:
    """The user with this address; call it where writing is allowed, since a founder may become a user here."""
    email = email.strip().lower()
    tx.execute(_ADD_FOUNDERS.format(which="m.email = ?"), (email,))
    row = tx.one(f"SELECT {COLUMNS} {FROM_USERS} WHERE u.email = ?", (email,))
    return User(*row) if row else None


def has_second_factor(tx, email: str) -> bool:
    row = tx.one("SELECT totp_sealed FROM users WHERE email = ?", (email.strip().lower(),))
    return bool(row and row[0] is not None)


def list_all(tx) -> list[User]:
    """Everybody on this instance, for its operator; needs a transaction that may write."""
    tx.execute(_ADD_FOUNDERS.format(which="1 = 1"))
    return [User(*row) for row in tx.all(f"SELECT {COLUMNS} {FROM_USERS} ORDER BY u.created_at, u.id")]


def team(tx, merchant_id: str) -> list[User]:
    sql = f"SELECT {COLUMNS} {FROM_USERS} WHERE u.merchant_id = ? ORDER BY u.created_at, u.id LIMIT ?"
    return [User(*row) for row in tx.all(sql, (merchant_id, TEAM_MAX))]


def member(tx, merchant_id: str, user_id: str) -> User:
    """One of the merchant's own people; raises NotFound for anybody else."""
    user = find(tx, user_id)
    if user.merchant_id != merchant_id:
        raise NotFound("No such user.")
    return user


def set_password(tx, user: User, password_hash: str, *, keep_session: str = "") -> None:
    """Stores a new password and ends every session but `keep_session`."""
    founder = user.id == user.merchant_id
    table, key = ("merchants", user.merchant_id) if founder else ("users", user.id)
    tx.execute(f"UPDATE {table} SET password_hash = ? WHERE id = ?", (password_hash, key))
    end_sessions(tx, user.id, keep_session=keep_session)


def end_sessions(tx, user_id: str, *, keep_session: str = "") -> int:
    """Logs the user out everywhere but in `keep_session`; returns in how many browsers."""
    return tx.changed("DELETE FROM sessions WHERE user_id = ? AND id <> ?", (user_id, keep_session))


def change_role(tx, merchant_id: str, user_id: str, role: str) -> User:
    """Gives a colleague another role; raises BadRequest where no owner would be left."""
    user = member(tx, merchant_id, user_id)
    _check_role(role)
    if role != "owner":
        _keep_an_owner(tx, user)
    tx.execute("UPDATE users SET role = ? WHERE id = ?", (role, user_id))
    return user


def remove(tx, merchant_id: str, user_id: str) -> User:
    """Takes a colleague out of the team and ends their sessions; the founder stays."""
    user = member(tx, merchant_id, user_id)
    if user.id == merchant_id:
        raise BadRequest("The account's founder cannot be removed.")
    _keep_an_owner(tx, user)
    end_sessions(tx, user_id)
    tx.execute("DELETE FROM users WHERE id = ?", (user_id,))
    return user


def invite(tx, merchant_id: str, email: str, role: str, invited_by: str) -> str:
    """Opens a place in the team and returns the token of its link; a second invitation replaces the first."""
    email = check_email(email)
    _check_role(role)
    if _taken(tx, email):
        raise BadRequest("This person has an account already.", field="email")
    tx.execute("DELETE FROM invitations WHERE merchant_id = ? AND email = ?", (merchant_id, email))
    token, invitation_id = token_and_id()
    now = now_ms()
    tx.execute(
        "INSERT INTO invitations (id, merchant_id, email, role, invited_by, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (invitation_id, merchant_id, email, role, invited_by, now, now + INVITATION_LASTS_MS),
    )
    return token


def invitations(tx, merchant_id: str) -> list[Invitation]:
    return _invitations(tx, "i.merchant_id = ?", merchant_id)


def find_invitation(tx, token: str) -> Invitation:
    """What a link invites to; raises NotFound where it is wrong, used or too old."""
    found = _invitations(tx, "i.id = ?", row_id(token))
    if not found:
        raise NotFound("This invitation is not valid any more. Ask for a new one.")
    return found[0]


def withdraw(tx, merchant_id: str, invitation_id: str) -> None:
    if tx.changed("DELETE FROM invitations WHERE id = ? AND merchant_id = ?", (invitation_id, merchant_id)) != 1:
        raise NotFound("No such invitation.")


def accept(tx, token: str, name: str, password_hash: str) -> User:
    """Turns an invitation into a user, once."""
    invitation = find_invitation(tx, token)
    if tx.changed("DELETE FROM invitations WHERE id = ?", (invitation.id,)) != 1:
        raise Conflict("This invitation has just been used.")
    if _taken(tx, invitation.email):
        raise Conflict("This e-mail address has an account already.")
    user_id = new_id("usr")
    tx.execute(
        "INSERT INTO users (id, merchant_id, email, name, role, password_hash, created_at, totp_used_step,"
        " recovery_codes)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 0, '[]')",
        (user_id, invitation.merchant_id, invitation.email, check_name(name), invitation.role, password_hash, now_ms()),
    )
    return find(tx, user_id)


def rename(tx, user_id: str, name: str) -> None:
    tx.execute("UPDATE users SET name = ? WHERE id = ?", (check_name(name), user_id))


def check_email(email: str) -> str:
    email = email.strip().lower()
    if not merchants.EMAIL.fullmatch(email):
        raise BadRequest("This is not an e-mail address.", field="email")
    return email


def check_name(name: str) -> str:
    name = name.strip()
    if len(name) > merchants.NAME_LENGTH_MAX or not name.isprintable():
        raise BadRequest(f"A name has at most {merchants.NAME_LENGTH_MAX} printable characters.", field="name")
    return name


def _invitations(tx, condition: str, value: str) -> list[Invitation]:
    rows = tx.all(
        "SELECT i.id, i.merchant_id, m.name, i.email, i.role, i.invited_by, i.created_at, i.expires_at"
        " FROM invitations i JOIN merchants m ON m.id = i.merchant_id"
        f" WHERE {condition} AND i.expires_at > ? ORDER BY i.created_at",
        (value, now_ms()),
    )
    return [Invitation(*row) for row in rows]


def _taken(tx, email: str) -> bool:
    found = tx.one(
        "SELECT 1 FROM users WHERE email = ? UNION ALL SELECT 1 FROM merchants WHERE email = ?", (email, email)
    )
    return found is not None


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise BadRequest(f"A role is one of {', '.join(ROLES)}.", field="role")


def _keep_an_owner(tx, user: User) -> None:
    owners = tx.one("SELECT count(*) FROM users WHERE merchant_id = ? AND role = 'owner'", (user.merchant_id,))[0]
    if user.role == "owner" and owners <= 1:
        raise BadRequest("There must be at least one owner.", field="role")
