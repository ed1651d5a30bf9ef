"""Logging in: tries counted before the password is looked at, sessions that end, proofs that it is still you."""

import hashlib

from msgspec import Struct

from gateway import accounts, preferences
from gateway.clock import now_ms
from gateway.errors import RateLimited
from gateway.objects import Owner

MINUTE_MS = 60_000
WINDOW_MS = 15 * MINUTE_MS
TRIES_FROM_ONE_ADDRESS = 10  # per account
TRIES_FROM_ANYWHERE = 100  # per account; anybody can use them up, so not too few
SESSION_LASTS_MS = 7 * 24 * 60 * MINUTE_MS
SESSION_IDLE_MS = 12 * 60 * MINUTE_MS
SECOND_FACTOR_MS = 10 * MINUTE_MS
CONFIRMED_MS = 15 * MINUTE_MS
SEEN_EVERY_MS = 5 * MINUTE_MS
SESSIONS_MAX = 50  # per user; the longest unseen end first
AGENT_LENGTH_MAX = 200

_COUNT = (
    "INSERT INTO login_counts (subject, tries, since) VALUES (?, 1, ?) ON CONFLICT (subject) DO UPDATE SET"
    " tries = CASE WHEN login_counts.since <= ? THEN 1 ELSE login_counts.tries + 1 END,"
    " since = CASE WHEN login_counts.since <= ? THEN excluded.since ELSE login_counts.since END"
    " RETURNING tries, since"
)


class Session(Struct, frozen=True):
    """A browser that is logged in, and who sits before it."""

    id: str
    mode: str
    second_factor_due: int
    address: str
    agent: str
    created_at: int
    seen_at: int
    confirmed_at: int
    user: accounts.User
    time_zone: str = preferences.TIME_ZONE

    @property
    def owner(self) -> Owner:
        return Owner(self.user.merchant_id, self.mode)

    @property
    def confirmed(self) -> bool:
        """Whether the password was given so lately that it need not be asked again."""
        return now_ms() - self.confirmed_at < CONFIRMED_MS


SESSION_FIELDS = "id, mode, second_factor_due, address, agent, created_at, seen_at, confirmed_at"


def begin(tx, email: str, address: str, per_minute: int) -> accounts.User | None:
    """Counts a try to log in and returns whose password has to be checked; raises RateLimited.

    It counts before the password is looked at, so that a hundred tries at once are a hundred tries; and it counts
    addresses nobody has like those somebody has.
    """
    email = email.strip().lower()
    limits = [
        (f"{_mark(email)}@{address}", TRIES_FROM_ONE_ADDRESS, WINDOW_MS),
        (_mark(email), TRIES_FROM_ANYWHERE, WINDOW_MS),
    ]
    if per_minute:
        limits.append((f"address:{address}", per_minute, MINUTE_MS))
    for subject, tries_max, window_ms in limits:
        _count(tx, subject, tries_max, window_ms)
    return accounts.find_by_email(tx, email)


def forgive(tx, email: str, address: str) -> None:
    """Forgets the tries to log in, since one of them was right."""
    mark = _mark(email.strip().lower())
    tx.execute("DELETE FROM login_counts WHERE subject IN (?, ?)", (f"{mark}@{address}", mark))
    tx.execute("DELETE FROM login_counts WHERE since <= ?", (now_ms() - WINDOW_MS,))


def count_code(tx, user_id: str) -> None:
    """Counts a try to give the second factor; raises RateLimited."""
    _count(tx, f"code:{user_id}", TRIES_FROM_ONE_ADDRESS, WINDOW_MS)


def count_confirmation(tx, user_id: str) -> None:
    """Counts a try to confirm with the password; raises RateLimited."""
    _count(tx, f"confirm:{user_id}", TRIES_FROM_ONE_ADDRESS, WINDOW_MS)


def open_session(tx, user: accounts.User, *, address: str, agent: str, mode: str = "test") -> str:
    """Starts a session after a right password and returns its token; a second factor may still be due."""
    forgive(tx, user.email, address)
    token, session_id = accounts.token_and_id()
    now = now_ms()
    tx.execute(
        "INSERT INTO sessions (id, user_id, mode, second_factor_due, address, agent, created_at, seen_at, confirmed_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (session_id, user.id, mode, int(user.two_factor), address, agent[:AGENT_LENGTH_MAX], now, now, now),
    )
    tx.execute("UPDATE users SET seen_at = ? WHERE id = ?", (now, user.id))
    _forget_old(tx, user.id)
    return token


def second_factor_given(tx, session: Session) -> str:
    """Lets a half-open session in under a new token; the old one is worth nothing any more."""
    token, session_id = accounts.token_and_id()
    tx.execute("UPDATE sessions SET id = ?, second_factor_due = 0 WHERE id = ?", (session_id, session.id))
    tx.execute("DELETE FROM login_counts WHERE subject = ?", (f"code:{session.user.id}",))
    return token


def find_session(tx, token: str) -> Session | None:
    """The session of a cookie, if it is neither ended nor too old."""
    columns = ", ".join(f"s.{field}" for field in SESSION_FIELDS.split(", "))
    row = tx.one(
        f"SELECT {columns}, {accounts.COLUMNS}, p.time_zone FROM sessions s JOIN users u ON u.id = s.user_id"
        " JOIN merchants m ON m.id = u.merchant_id LEFT JOIN merchant_preferences p ON p.merchant_id = m.id"
        " WHERE s.id = ?",
        (accounts.row_id(token),),
    )
    if not row:
        return None
    own = len(SESSION_FIELDS.split(", "))
    session = _session(row[:own], accounts.User(*row[own:-1]), row[-1])
    return session if _alive(session) else None


def sessions_of(tx, user_id: str) -> list[Session]:
    user = accounts.find(tx, user_id)
    rows = tx.all(f"SELECT {SESSION_FIELDS} FROM sessions WHERE user_id = ? ORDER BY seen_at DESC", (user_id,))
    return [session for session in (_session(row, user, None) for row in rows) if _alive(session)]


def seen(tx, session: Session) -> None:
    """Notes that the session is in use; the caller asks no more often than `SEEN_EVERY_MS`."""
    tx.execute("UPDATE sessions SET seen_at = ? WHERE id = ?", (now_ms(), session.id))
    tx.execute("UPDATE users SET seen_at = ? WHERE id = ?", (now_ms(), session.user.id))


def confirm(tx, session: Session) -> None:
    """The password was given again."""
    tx.execute("UPDATE sessions SET confirmed_at = ? WHERE id = ?", (now_ms(), session.id))
    tx.execute("DELETE FROM login_counts WHERE subject = ?", (f"confirm:{session.user.id}",))


def switch_mode(tx, session: Session, mode: str) -> None:
    tx.execute("UPDATE sessions SET mode = ? WHERE id = ?", (mode, session.id))


def close_session(tx, session_id: str, user_id: str) -> bool:
    return tx.changed("DELETE FROM sessions WHERE id = ? AND user_id = ?", (session_id, user_id)) == 1


def _session(columns, user: accounts.User, time_zone: str | None) -> Session:
    fields = dict(zip(SESSION_FIELDS.split(", "), columns, strict=True))
    return Session(**fields, user=user, time_zone=time_zone or preferences.TIME_ZONE)


def _alive(session: Session) -> bool:
    now = now_ms()
    idle_ms = SECOND_FACTOR_MS if session.second_factor_due else SESSION_IDLE_MS
    return now - session.created_at < SESSION_LASTS_MS and now - session.seen_at < idle_ms


def _forget_old(tx, user_id: str) -> None:
    tx.execute("DELETE FROM sessions WHERE seen_at < ?", (now_ms() - SESSION_IDLE_MS,))
    tx.execute(
        "DELETE FROM sessions WHERE user_id = ? AND id NOT IN"
        " (SELECT id FROM sessions WHERE user_id = ? ORDER BY seen_at DESC LIMIT ?)",
        (user_id, user_id, SESSIONS_MAX),
    )


def _count(tx, subject: str, tries_max: int, window_ms: int) -> None:
    """One more try; raises RateLimited beyond `tries_max`, which counts nothing, so waiting always ends."""
    now = now_ms()
    tries, since = tx.one(_COUNT, (subject, now, now - window_ms, now - window_ms))
    if tries <= tries_max:
        return
    wait_s = max(1, (since + window_ms - now) // 1000)
    raise RateLimited(f"Too many tries. Wait {_in_words(wait_s)} and try again.", retry_after_s=wait_s)


def _in_words(wait_s: int) -> str:
    minutes = -(-wait_s // 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def _mark(email: str) -> str:
    """What is counted is not a list of addresses: an unknown one may be a password typed into the wrong field."""
    return hashlib.sha256(email.encode("utf-8", "replace")).hexdigest()[:32]
