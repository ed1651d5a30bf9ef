"""A merchant with webhook endpoints on a real store: what tests of the webhook engine are played on."""

from gateway import deliveries, delivery_objects, endpoints, events, lists, webhooks
from gateway import webhook_objects as objects
from gateway.config import Webhooks
from gateway.crypto import MasterKey
from gateway.jobs.sender import Answer
from gateway.objects import Owner

ALICE = Owner("550e8400-e29b-41d4-a716-446655440000", "test")
BOB = Owner("650e8400-e29b-41d4-a716-446655440000", "test")
DAY_S = 86_400


def answer(status: int | None = 200, *, error: str | None = None, retry_after: str | None = None, body=b"ok") -> Answer:
    """What a receiver answered; with an `error`, why it did not."""
    if error:
        return Answer(None, error, f"It was {error}", "192.0.2.1", 12, None, b"")
    return Answer(status, None, None, "192.0.2.1", 12, retry_after, body)


class Shop:
    """Alice's shop and the gateway's half of its webhooks; `policy` is the section `webhooks` of the configuration."""

    def __init__(self, store, owner: Owner = ALICE, **policy):
        self.store = store
        self.owner = owner
        self.master = MasterKey(bytes(32))
        self.policy = Webhooks(**{"jitter": 0.0, **policy})

    def endpoint(self, url: str = "https://shop.example/hook", **fields) -> objects.EndpointWithSecret:
        new = objects.NewEndpoint(url=url, **fields)
        return self.store.write_now(endpoints.create, self.owner, new, self.master)

    def edit(self, endpoint_id: str, **changes) -> objects.Endpoint:
        return self.store.write_now(endpoints.edit, self.owner, endpoint_id, objects.EndpointChanges(**changes))

    def look(self, endpoint_id: str) -> objects.Endpoint:
        return self.store.read_now(endpoints.show, self.owner, endpoint_id)

    def event(self, event_type: str = "payment.success") -> str:
        (event_id,) = self.events(event_type)
        return event_id

    def events(self, *types: str) -> list[str]:
        """Each in a transaction of its own; returns their ids."""
        shown = ("pay_1", "payment", b'{"id":"pay_1"}')
        return self.store.write_each([(events.record, self.owner, event_type, *shown) for event_type in types])

    def claim(self, endpoint_id: str, limit: int = 100) -> list[webhooks.Claimed]:
        return self.store.write_now(webhooks.claim, endpoint_id, limit)

    def settle(self, claimed: webhooks.Claimed, outcome: Answer) -> None:
        self.store.write_now(webhooks.settle, claimed, outcome, self.policy)

    def attempt(self, endpoint_id: str, outcome: Answer) -> int:
        """Everything that is due for the endpoint gets this answer; how much that was."""
        claimed = self.claim(endpoint_id)
        written = self.store.write_each([(webhooks.settle, each, outcome, self.policy) for each in claimed])
        assert written == [None] * len(claimed)
        return len(claimed)

    def deliveries(self, **filters) -> list[delivery_objects.Delivery]:
        """The log, oldest first."""
        page = lists.Page(limit=100)
        return self.store.read_now(lambda tx: deliveries.list_deliveries(tx, self.owner, page, **filters))["data"][::-1]

    def delivery(self, **filters) -> delivery_objects.Delivery:
        (only,) = self.deliveries(**filters)
        return only

    def details(self, delivery_id: str) -> delivery_objects.DeliveryDetails:
        return self.store.read_now(deliveries.show, self.owner, delivery_id)

    def retry(self, delivery_id: str) -> delivery_objects.Scheduled:
        return self.store.write_now(deliveries.retry, self.owner, delivery_id)

    def recover(self, endpoint_id: str, since_ms: int = 0, status: str | None = None) -> delivery_objects.Recovered:
        return self.store.write_now(endpoints.recover, self.owner, endpoint_id, since_ms, status)

    def event_types(self) -> list[str]:
        """Of all events there are, oldest first."""
        return [row[0] for row in self.store.read_now(lambda tx: tx.all("SELECT type FROM events ORDER BY seq"))]
