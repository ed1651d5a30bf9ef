"""The team: who is in, with which role, who is invited; and the book of what everybody did."""

from sanic.response import HTTPResponse

from gateway import accounts, audit
from gateway.web.sessions import Visit

ENTRIES_SHOWN = 50


async def team(visit: Visit, link: str | None = None) -> HTTPResponse:
    """Everybody in the team; `link` is an invitation's address, shown once."""
    people, invited = await visit.read(_everybody, visit.user.merchant_id)
    return visit.page("team.html", people=people, invited=invited, roles=accounts.ROLES, link=link)


def _everybody(tx, merchant_id: str):
    return accounts.team(tx, merchant_id), accounts.invitations(tx, merchant_id)


async def invite(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    email, role = visit.field("email"), visit.field("role")
    token = await visit.write(
        audit.done, visit.actor, "team.invite", email, role,
        accounts.invite, visit.user.merchant_id, email, role, visit.user.email,
    )  # fmt: skip
    return await team(visit, f"{visit.gateway.config.public_url}/dashboard/invitation/{token}")


async def withdraw(visit: Visit) -> HTTPResponse:
    invitation_id = visit.field("invitation")
    await visit.write(
        audit.done, visit.actor, "team.withdraw", invitation_id[:12], "",
        accounts.withdraw, visit.user.merchant_id, invitation_id,
    )  # fmt: skip
    return visit.go("/dashboard/team", "invitation_withdrawn")


async def change_role(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    user_id, role = visit.path["user_id"], visit.field("role")
    await visit.write(
        audit.done, visit.actor, "team.role", user_id, role,
        accounts.change_role, visit.user.merchant_id, user_id, role,
    )  # fmt: skip
    return visit.go("/dashboard/team", "role_changed")


async def remove(visit: Visit) -> HTTPResponse:
    visit.confirm_first()
    user_id = visit.path["user_id"]
    await visit.write(
        audit.done, visit.actor, "team.remove", user_id, "", accounts.remove, visit.user.merchant_id, user_id
    )
    return visit.go("/dashboard/team", "removed")


async def audit_log(visit: Visit) -> HTTPResponse:
    before = visit.query("before")
    start = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
    entries = await visit.read(_entries, visit.user.merchant_id, start)
    older = entries[-1].seq if len(entries) == ENTRIES_SHOWN else None
    return visit.page("audit.html", entries=entries, older=older)


def _entries(tx, merchant_id: str, before: int | None) -> list[audit.Entry]:
    return audit.entries(tx, merchant_id, before=before, limit=ENTRIES_SHOWN)
