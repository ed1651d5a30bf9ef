"""A storm: the real server under load, killed at random moments again and again, and the proof that nothing is lost."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from bench import receiver
from bench.server import FROM_SOURCE, Server
from tests import storm_proof as proof
from tests.storm_clients import Client

CLIENTS = 6
ENVIRONMENT = {
    "GATEWAY_SIMULATOR_DELAY_MIN": "0",
    "GATEWAY_SIMULATOR_DELAY_MAX": "1",
    "GATEWAY_PAYMENTS_ACTION_EXPIRES": "1",
    "GATEWAY_WEBHOOKS_RETRY_SECONDS": ",".join(["0.2"] * 20),
}
REFUSED = 0.05  # of the webhooks, by the shop
KILLED_WHILE_STARTING = 0.2
STARTING_S, RUNNING_S = 0.6, 1.2
STOPPED_AFTERWARDS = 0.1
QUEUE_LOST = 0.5
CALM_S = 1.0  # of work in peace after the last kill
DRAIN_MAX_S = 30  # shorter than a claim, which would otherwise lapse by itself
STOP_MAX_S = 10
LOOK_S = 0.01

OPEN_WORK = """
SELECT (SELECT count(*) FROM payments WHERE due_at IS NOT NULL)
+ (SELECT count(*) FROM refunds WHERE due_at IS NOT NULL)
+ (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL)
"""


class Storm:
    """`rage` it once; then `findings` is what broke, and `figures` what happened."""

    def __init__(self, seed: int, program: Sequence[str] = FROM_SOURCE):
        self.findings: list[str] = []
        self.figures: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._server = Server(environment=ENVIRONMENT, program=program)
        self._clients = [Client(self._server, f"{seed}:{number}") for number in range(CLIENTS)]

    def rage(self, kills: int, progress=lambda kill: None) -> "Storm":
        """Kills the server so many times, lets the work end in peace, and looks at what is left."""
        log = self._server.data / "webhooks.log"
        with self._server, receiver.running(log=log, refuse=REFUSED) as shops:
            self._server.send("PATCH", "/api/v1/merchant/webhook", {"webhook_url": shops.url})
            for client in self._clients:
                client.start()
            for kill in range(kills):
                self._kill_at_some_moment()
                if self._chance.random() < STOPPED_AFTERWARDS:
                    self._stop_as_asked()
                progress(kill + 1)
            self._calm_down()
            self._look_closely(log)
        return self

    def _kill_at_some_moment(self) -> None:
        """While it runs, or while it starts after the kill before."""
        if self._server.port == 0 and self._chance.random() < KILLED_WHILE_STARTING:
            time.sleep(self._chance.uniform(0, STARTING_S))
            self.figures["killed while starting"] += 1
        else:
            self._server.wait_until_up()
            time.sleep(self._chance.uniform(0, RUNNING_S))
        self._server.stop(signal.SIGKILL)
        self.figures["kills"] += 1
        self._start_again()

    def _stop_as_asked(self) -> None:
        """What a service manager does; the clients are at work meanwhile, too."""
        self._server.wait_until_up()
        took_s = self._server.stop(signal.SIGTERM)
        if took_s > STOP_MAX_S or self._server.process.returncode:
            self.findings.append(f"stopped after {took_s:.1f} s with {self._server.process.returncode}")
        self.figures["stops"] += 1
        self._start_again()

    def _start_again(self) -> None:
        if self._chance.random() < QUEUE_LOST:
            self._lose_the_queue()
        self._server.launch()

    def _lose_the_queue(self) -> None:
        for path in self._server.data.glob("queue.db*"):
            path.unlink()
        self.figures["queues deleted"] += 1

    def _calm_down(self) -> None:
        """No more kills: the clients end their business, and the work that is left is done."""
        self._server.wait_until_up()
        time.sleep(CALM_S)
        for client in self._clients:
            client.stop()
        began = time.monotonic()
        while (left := self._server.select(OPEN_WORK)[0][0]) and time.monotonic() - began < DRAIN_MAX_S:
            time.sleep(LOOK_S)
        self.findings += [f"{left} pieces of work are left after {DRAIN_MAX_S} s"] if left else []
        self.figures["ms until all work was done"] = round(1000 * (time.monotonic() - began))

    def _look_closely(self, log) -> None:
        sent = [request for client in self._clients for request in client.sent]
        self.findings += chain.from_iterable(client.faults for client in self._clients)
        self.findings += proof.unanswered_twins(self._server, sent)
        self._server.stop(signal.SIGTERM)
        self.findings += self._findings(sent, log)
        self._count(sent, log)

    def _findings(self, sent: list, log) -> Iterator[str]:
        yield from proof.of_the_check(self._server)
        yield from proof.of_the_database(self._server, sent)
        yield from proof.of_the_shops(self._server, log)
        yield from proof.of_the_bank(self._server)
        yield from proof.of_the_files(self._server.data)

    def _count(self, sent: list, log) -> None:
        for client in self._clients:
            self.figures.update(client.counts)
        self.figures.update(f"{request.kind} acknowledged" for request in sent if request.is_done)
        self.figures["never acknowledged"] = sum(request.status is None for request in sent)
        heard = [line.split()[0] for line in log.read_text().splitlines()]
        self.figures["events told"] = len(set(heard))
        self.figures["told more than once"] = len(heard) - len(set(heard))
        for status, reason, count in self._server.select(
            "SELECT status, error_reason, count(*) FROM payments GROUP BY status, error_reason"
        ):
            self.figures[f"payments {status}{f', {reason}' if reason else ''}"] = count
