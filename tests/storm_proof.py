"""What must hold after a storm, looked for in the clients' memory, the database, the shops' log and the bank's book."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench import load
from bench.server import KEY, Server
from gateway.processors.simulator import Simulator
from tests.storm_clients import CARD_NUMBERS, Request

FINAL = {"success", "failed", "cancelled"}
CONNECTIONS = 16
REPLAYED = b"\r\nidempotent-replayed: true"


def unanswered_twins(server: Server, sent: list[Request]) -> Iterator[str]:
    """A request that was acknowledged gets the same bytes once more, and says that they are a replay."""
    done = {_bytes(request): request for request in sent if request.is_done}
    answered = load.run(server.port, list(done), CONNECTIONS, keep_answers=True)
    for answer in answered.answers:
        request = done.pop(answer.request)
        if (answer.status, answer.body) != (request.status, request.answer):
            yield f"{request.path} with key {request.key} is now answered otherwise: {answer.status} {answer.body}"
        if REPLAYED not in answer.head.lower():
            yield f"{request.path} with key {request.key} was done a second time"
    for request in done.values():
        yield f"{request.path} with key {request.key} gets no answer any more"


def _bytes(request: Request) -> bytes:
    headers = KEY | {"Idempotency-Key": request.key}
    return load.request("POST", request.path, headers, load.encoded(request.body))


def of_the_database(server: Server, sent: list[Request]) -> Iterator[str]:
    """Everything that was acknowledged is there and final, and nothing is there that nobody asked for."""
    yield from _orders(server, _of_kind(sent, "orders"))
    yield from _payments(server, _of_kind(sent, "payments"))
    yield from _refunds(server, _of_kind(sent, "refunds"))
    yield from _instructions(server, sent)


def _of_kind(sent: list[Request], kind: str) -> list[Request]:
    return [request for request in sent if request.kind == kind]


def _orders(server: Server, sent: list[Request]) -> Iterator[str]:
    found = server.select("SELECT receipt, id FROM orders")
    yield from _one_each(sent, found, "order")


def _refunds(server: Server, sent: list[Request]) -> Iterator[str]:
    yield from _one_each(sent, server.select("SELECT json_extract(notes, '$.key'), id FROM refunds"), "refund")
    for refund_id, status in server.select("SELECT id, status FROM refunds WHERE status = 'pending'"):
        yield f"refund {refund_id} is still {status}"


def _one_each(sent: list[Request], found: list[tuple], noun: str) -> Iterator[str]:
    """Rows that carry the key of the request which asked for them."""
    by_key, ids = {request.key: request for request in sent}, dict(found)
    for key, count in Counter(key for key, _ in found).items():
        if count > 1:
            yield f"there are {count} {noun}s for the key {key}"
        if key not in by_key or by_key[key].status not in (None, 201):
            yield f"{noun} {ids[key]} was never asked for, or was refused"
    for request in sent:
        if request.is_done and ids.get(request.key) != request.shown["id"]:
            yield f"{noun} {request.shown['id']} was acknowledged and is not there"


def _payments(server: Server, sent: list[Request]) -> Iterator[str]:
    found, asked = defaultdict(dict), defaultdict(list)
    for order_id, payment_id, status in server.select("SELECT order_id, id, status FROM payments"):
        found[order_id][payment_id] = status
        if status not in FINAL:
            yield f"payment {payment_id} is still {status}"
    for request in sent:
        asked[request.body["order_id"]].append(request)
    for order_id in found.keys() | asked.keys():
        yield from _payments_of(order_id, found[order_id], asked[order_id])


def _payments_of(order_id: str, found: dict[str, str], asked: list[Request]) -> Iterator[str]:
    acknowledged = [request.shown["id"] for request in asked if request.is_done]
    in_doubt = sum(request.status is None for request in asked)
    for payment_id in set(acknowledged) - found.keys():
        yield f"payment {payment_id} was acknowledged and is not there"
    if len(set(acknowledged)) < len(acknowledged):
        yield f"two keys got the same payment of {order_id}"
    if len(found) > len(acknowledged) + in_doubt:
        yield f"{order_id} has {len(found)} payments: {len(acknowledged)} acknowledged, {in_doubt} in doubt"


def _instructions(server: Server, sent: list[Request]) -> Iterator[str]:
    """What was captured or cancelled stays so."""
    rows = server.select("SELECT id, status, amount_captured FROM payments")
    payments = {payment_id: (status, captured) for payment_id, status, captured in rows}
    for request in sent:
        if request.kind in ("capture", "cancel") and request.is_done:
            payment = request.shown
            if payments.get(payment["id"]) != (payment["status"], payment["amount_captured"]):
                yield f"the {request.kind} of {payment['id']} was acknowledged and has been lost"


def of_the_shops(server: Server, log: Path) -> Iterator[str]:
    """Every event reached the endpoint at least once, with the same id each time, signed and as often as written."""
    heard = [line.split() for line in log.read_text().splitlines()]
    arrived = {(event_id, delivery_id) for event_id, delivery_id, _ in heard}
    for event_id, _, verdict in heard:
        if verdict != "genuine":
            yield f"event {event_id} arrived with a wrong signature"
    deliveries = server.select(
        "SELECT events.id, deliveries.id, deliveries.status FROM events LEFT JOIN deliveries ON event_id = events.id"
    )
    for event_id, delivery_id, status in deliveries:
        if delivery_id is None:
            yield f"nobody was to be told of event {event_id}"
        elif status != "success" or (event_id, delivery_id) not in arrived:
            yield f"event {event_id} is {status}, and {'' if (event_id, delivery_id) in arrived else 'not '}arrived"
    for event_id in {event_id for event_id, _ in arrived} - {event_id for event_id, _, _ in deliveries}:
        yield f"event {event_id} was told and never happened"


def of_the_bank(server: Server) -> Iterator[str]:
    """The bank took and gave back what our books say, and nothing from whoever was told that nothing was charged."""
    refunded = dict(server.select("SELECT payment_id, sum(amount) FROM refunds WHERE status = 'processed' GROUP BY 1"))
    ours = {
        payment_id: (status, captured, refunded.get(payment_id, 0), reason)
        for payment_id, status, captured, reason in server.select(
            "SELECT id, status, amount_captured, error_reason FROM payments"
        )
    }
    for line in statement(server):
        status, captured, given_back, reason = ours.get(line.key, ("unknown", 0, 0, None))
        if status == "success" and (line.captured, line.refunded) != (captured, given_back):
            yield f"{line.key}: the bank says {line.captured} - {line.refunded}, we say {captured} - {given_back}"
        if status != "success" and line.captured != line.refunded:
            yield f"{line.key} is {status} and the bank kept {line.captured - line.refunded}"
        if reason == "card_data_lost" and line.status in ("succeeded", "requires_action", "pending"):
            yield f"{line.key} ended as card_data_lost and the bank has it as {line.status}"
        ours.pop(line.key, None)
    for payment_id, (status, captured, _, _) in ours.items():
        if status == "success" or captured:
            yield f"{payment_id} is {status} and the bank has never heard of it"


def statement(server: Server) -> list:
    """The bank's own account of everything."""
    book = server.data / "simulator.db"
    bank = Simulator(book, delay_min_s=0, delay_max_s=0, upi_success_rate=1, card_success_rate=1)
    try:
        return list(bank.statement())
    finally:
        bank.close()


def of_the_files(data: Path) -> Iterator[str]:
    """No card number stands in the clear in any file, however the process ended."""
    for path in (path for path in data.rglob("*") if path.is_file()):
        content = path.read_bytes()
        for number in CARD_NUMBERS:
            if number.encode() in content:
                yield f"{path.name} holds the card number {number}"


def of_the_check(server: Server) -> Iterator[str]:
    """`gateway check` finds nothing either."""
    check = server.run("check")
    if check.returncode != 0:
        yield f"gateway check: {check.stdout}{check.stderr}"
