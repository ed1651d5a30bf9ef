"""Where a merchant wants events: its endpoints with their URLs, filters and secrets, and the default one in short."""

from msgspec import UNSET, structs

from gateway import addresses, bell, deliveries, events, lists, merchants, signatures, statements
from gateway import webhook_objects as objects
from gateway.clock import now_ms
from gateway.crypto import MasterKey, Secret
from gateway.delivery_objects import Recovered, Sent
from gateway.errors import BadRequest, Conflict, NotFound
from gateway.ids import new_id
from gateway.models import WebhookEndpoint
from gateway.objects import Owner, encode
from gateway.webhook_objects import EndpointRow

ENDPOINTS_MAX = 50  # per merchant and mode: a payment's transaction writes a delivery for each that listens
HEALTHY = {"failures": 0, "failing_since": None, "last_failure_at": None, "warned_percent": 0}
ENABLED = {"enabled": 1, "disabled_reason": None, **HEALTHY}


def create(tx, owner: Owner, new: objects.NewEndpoint, master: MasterKey) -> objects.EndpointWithSecret:
    """Makes an endpoint; the answer is one of the few that show its secret. Raises BadRequest."""
    if _count(tx, owner) >= ENDPOINTS_MAX:
        raise BadRequest(f"There can be at most {ENDPOINTS_MAX} endpoints.", reason="too_many_endpoints")
    row, secret = _insert(
        tx, owner, master, new.secret,
        url=_checked_url(new.url, owner),
        events=_stored_filter(new.events),
        description=new.description,
        timeout_s=new.timeout,
        rate_per_s=new.rate_limit,
        enabled=int(new.enabled),
        disabled_reason=None if new.enabled else "merchant",
    )  # fmt: skip
    return objects.endpoint_with_secret(row, str(secret))


def find(tx, owner: Owner, endpoint_id: str) -> EndpointRow:
    """The owner's endpoint; raises NotFound for a deleted one and anybody else's."""
    row = find_any(tx, endpoint_id)
    if row is None or row.owner != owner or row.deleted_at is not None:
        raise NotFound("No such webhook endpoint.", field="endpoint_id")
    return row


def find_any(tx, endpoint_id: str) -> EndpointRow | None:
    """Whoever's endpoint, deleted or not."""
    found = tx.one(statements.SELECT_ENDPOINT, (endpoint_id,))
    return EndpointRow(*found) if found else None


def show(tx, owner: Owner, endpoint_id: str) -> objects.Endpoint:
    return objects.endpoint(find(tx, owner, endpoint_id))


def list_endpoints(tx, owner: Owner, page: lists.Page) -> dict:
    present = {"(url IS NOT NULL AND deleted_at IS NULL) = ?": True}
    columns = statements.ENDPOINT_COLUMNS
    return lists.select(tx, "webhook_endpoints", columns, owner, page, present, EndpointRow, objects.endpoint)


def listening(tx, owner: Owner, event_type: str) -> list[EndpointRow]:
    """The endpoints to which an event of this type would go."""
    rows = [EndpointRow(*row) for row in tx.all(f"{_ALL_OF_OWNER} AND deleted_at IS NULL ORDER BY seq", owner)]
    return [row for row in rows if row.is_open and events.listens(row.events, event_type)]


def all_secrets(tx, master: MasterKey) -> list[Secret]:
    """Every secret that may sign a webhook of this gateway at the moment; for its operator alone."""
    rows = tx.all(f"SELECT {statements.ENDPOINT_COLUMNS} FROM webhook_endpoints WHERE deleted_at IS NULL")
    pairs = [secrets(EndpointRow(*row), master, now_ms()) for row in rows]
    return [secret for pair in pairs for secret in pair if secret]


_ALL_OF_OWNER = f"SELECT {statements.ENDPOINT_COLUMNS} FROM webhook_endpoints WHERE merchant_id = ? AND mode = ?"


def edit(tx, owner: Owner, endpoint_id: str, changes: objects.EndpointChanges) -> objects.Endpoint:
    """Changes what is given; enabling forgets earlier failures, disabling keeps what is waiting as `skipped`.

    Raises NotFound, or BadRequest.
    """
    row = find(tx, owner, endpoint_id)
    given = {name: value for name, value in structs.asdict(changes).items() if value is not UNSET}
    columns = {_COLUMN_OF[name]: value for name, value in given.items() if name in _COLUMN_OF}
    if "events" in given:
        columns["events"] = _stored_filter(given["events"])
    if "url" in given and given["url"] != row.url:
        columns |= {"url": _checked_url(given["url"], owner), **HEALTHY}
    if given.get("enabled") is True:
        columns |= ENABLED
    if given.get("enabled") is False and row.enabled:
        columns |= {"enabled": 0, "disabled_reason": "merchant"}
    return objects.endpoint(_change(tx, row, columns))


_COLUMN_OF = {"description": "description", "timeout": "timeout_s", "rate_limit": "rate_per_s"}


def disable(tx, endpoint_id: str, reason: str) -> EndpointRow | None:
    """Stops sending to an endpoint and keeps what waits as `skipped`; None where nothing was sent there anyway."""
    row = find_any(tx, endpoint_id)
    if row is None or not row.is_open:
        return None
    return _change(tx, row, {"enabled": 0, "disabled_reason": reason})


def delete(tx, owner: Owner, endpoint_id: str) -> objects.Deleted:
    """Removes an endpoint; the default one only loses its URL and its settings."""
    row = find(tx, owner, endpoint_id)
    if row.is_default:
        plain = {"url": None, "description": "", "events": '["*"]', "timeout_s": None, "rate_per_s": None}
        _change(tx, row, plain | ENABLED)
    else:
        _change(tx, row, {"deleted_at": now_ms()})
    return objects.Deleted(endpoint_id)


def rotate(
    tx, owner: Owner, endpoint_id: str, secret: str | None, master: MasterKey, overlap_ms: int
) -> objects.EndpointWithSecret:
    """Gives the endpoint a new secret, its owner's or ours; the old one signs beside it for `overlap_ms`."""
    row, secret = _rotate(tx, find(tx, owner, endpoint_id), secret, master, overlap_ms)
    return objects.endpoint_with_secret(row, str(secret))


def secrets(row: EndpointRow, master: MasterKey, at_ms: int) -> tuple[Secret, Secret | None]:
    """The secret that signs now, and the previous one while it is still valid."""
    current = master.unseal(row.secret_sealed, row.id)
    if row.previous_secret_sealed is None or at_ms >= (row.previous_secret_until or 0):
        return current, None
    return current, master.unseal(row.previous_secret_sealed, row.id)


def send_test(tx, owner: Owner, endpoint_id: str) -> Sent:
    """Sends a `webhook.test` event to this endpoint alone; raises Conflict where nothing is sent."""
    return deliveries.send_test(tx, _open(find(tx, owner, endpoint_id)))


def recover(tx, owner: Owner, endpoint_id: str, since_ms: int, status: str | None) -> Recovered:
    """Sends again what failed or was skipped since then; raises Conflict where nothing is sent."""
    return deliveries.recover(tx, _open(find(tx, owner, endpoint_id)), since_ms, status)


def _open(row: EndpointRow) -> EndpointRow:
    if not row.url:
        raise BadRequest("The endpoint has no URL yet; set one first.", field="webhook_url", reason="no_url")
    if not row.enabled:
        raise Conflict("The endpoint is disabled; enable it first.", reason="endpoint_disabled")
    return row


# The default endpoint, which the short form of the API knows


def has_default(tx, owner: Owner) -> bool:
    return _default_id(tx, owner) is not None


def send_test_to_default(tx, owner: Owner, master: MasterKey) -> Sent:
    return deliveries.send_test(tx, _open(default(tx, owner, master)))


def default(tx, owner: Owner, master: MasterKey, secret: str | None = None) -> EndpointRow:
    """The owner's default endpoint, made without a URL where there is none yet."""
    endpoint_id = _default_id(tx, owner)
    if endpoint_id:
        return find(tx, owner, endpoint_id)
    return _insert(tx, owner, master, secret, url=None, is_default=1)[0]


def seed_demo(tx, master: MasterKey) -> None:
    """Gives the demo merchant the webhook secret of the contract; safe to repeat."""
    default(tx, Owner(merchants.DEMO_MERCHANT_ID, "test"), master, merchants.DEMO_WEBHOOK_SECRET)


def config(tx, owner: Owner, master: MasterKey) -> objects.MerchantConfig:
    """The account with its newest API key and its default endpoint."""
    merchant, key = merchants.find(tx, owner.merchant_id), merchants.newest_key(tx, owner)
    row = default(tx, owner, master)
    return objects.MerchantConfig(
        id=merchant.id,
        name=merchant.name,
        email=merchant.email,
        api_key=key.id if key else None,
        webhook_url=row.url,
        webhook_secret=str(master.unseal(row.secret_sealed, row.id)),
    )


def set_default_url(tx, owner: Owner, url: str | None, master: MasterKey) -> objects.MerchantWebhook:
    """Points the default endpoint at `url`, or nowhere (None or empty); saving a URL also enables the endpoint.

    Raises BadRequest.
    """
    row, url = default(tx, owner, master), _checked_url(url, owner, "webhook_url") if url else None
    changes = {"url": url} if url == row.url and row.enabled else {"url": url, **ENABLED}
    row = _change(tx, row, changes)
    return objects.MerchantWebhook(row.url, str(master.unseal(row.secret_sealed, row.id)))


def regenerate_default(tx, owner: Owner, master: MasterKey, overlap_ms: int) -> objects.MerchantSecret:
    """Gives the default endpoint a new secret; the old one signs beside it for `overlap_ms`."""
    _, secret = _rotate(tx, default(tx, owner, master), None, master, overlap_ms)
    return objects.MerchantSecret(str(secret))


def _default_id(tx, owner: Owner) -> str | None:
    row = tx.one("SELECT id FROM webhook_endpoints WHERE merchant_id = ? AND mode = ? AND is_default = 1", owner)
    return row[0] if row else None


def _checked_url(url: str, owner: Owner, field: str = "url") -> str:
    try:
        addresses.check_url(url, live=owner.mode == "live")
    except BadRequest as refusal:
        raise BadRequest(refusal.description, field=field) from None
    return url


def _stored_filter(names: list[str]) -> str:
    for name in names:
        if name not in events.TYPES and name not in events.PATTERNS:
            known = "patterns look like payment.*, or * for all"
            raise BadRequest(f"There is no event {name[:50]}; {known}.", field="events")
    return encode(list(dict.fromkeys(names))).decode()


def _count(tx, owner: Owner) -> int:
    present = "merchant_id = ? AND mode = ? AND deleted_at IS NULL"
    return tx.one(f"SELECT count(*) FROM webhook_endpoints WHERE {present}", owner)[0]


def _insert(tx, owner: Owner, master: MasterKey, secret: str | None, **columns) -> tuple[EndpointRow, Secret]:
    endpoint_id, now = new_id("we"), now_ms()
    secret = _secret(secret)
    WebhookEndpoint.insert(
        id=endpoint_id,
        merchant_id=owner.merchant_id,
        mode=owner.mode,
        secret_sealed=master.seal(secret, endpoint_id),
        created_at=now,
        updated_at=now,
        **columns,
    ).execute()
    return find(tx, owner, endpoint_id), secret


def _secret(chosen: str | None) -> Secret:
    return Secret(signatures.new_secret() if chosen is None else signatures.validate_secret(chosen))


def _change(tx, row: EndpointRow, columns: dict) -> EndpointRow:
    """Writes the columns, and sets going or aside what is waiting for the endpoint."""
    WebhookEndpoint.update(updated_at=now_ms(), **columns).where(WebhookEndpoint.id == row.id).execute()
    changed = EndpointRow(*tx.one(statements.SELECT_ENDPOINT, (row.id,)))
    if row.is_open and not changed.is_open:
        deliveries.skip_some(tx, row.id)
    tx.after_commit(bell.ring_deliveries)
    return changed


def _rotate(
    tx, row: EndpointRow, secret: str | None, master: MasterKey, overlap_ms: int
) -> tuple[EndpointRow, Secret]:
    secret = _secret(secret)
    if secret == master.unseal(row.secret_sealed, row.id):
        raise Conflict("This is the endpoint's present secret.", reason="same_secret")
    kept = {"previous_secret_sealed": row.secret_sealed, "previous_secret_until": now_ms() + overlap_ms}
    dropped = {"previous_secret_sealed": None, "previous_secret_until": None}
    columns = {"secret_sealed": master.seal(secret, row.id), **(kept if overlap_ms else dropped)}
    return _change(tx, row, columns), secret
