"""A thousand payments at once, with the bank as it is by default: nobody waits for anybody else."""

import json
import time

import pytest

from bench import load
from bench.server import KEY, Server

COUNT, CONNECTIONS = 1_000, 64
FINAL_S = 12  # after the last was accepted; the bank takes up to 10 of them
PAY = {"method": "upi", "vpa": "asha@okbank"}
LOOK_S = 0.1


@pytest.mark.slow
def test_all_are_final_twelve_seconds_after_the_last_was_accepted():
    """Among them come requests that are refused, which must not hold up those that share a transaction with them."""
    with Server() as server:
        orders = post(server, "/orders", [{"amount": 50_000}] * COUNT)
        ids = [order["id"] for order in orders]
        bodies = [{"order_id": order_id, **PAY} for order_id in ids for _ in range(2)]
        answers = post(server, "/payments", bodies)
        accepted_at = time.monotonic()
        assert len([answer for answer in answers if "error" not in answer]) == COUNT
        while not_final(server):
            assert time.monotonic() - accepted_at < FINAL_S
            time.sleep(LOOK_S)
        assert server.run("check").returncode == 0


def post(server: Server, path: str, bodies: list[dict]) -> list[dict]:
    requests = [load.request("POST", f"/api/v1{path}", KEY, load.encoded(body)) for body in bodies]
    answers = load.run(server.port, requests, CONNECTIONS, keep_answers=True).answers
    return [json.loads(answer.body) for answer in answers]


def not_final(server: Server) -> int:
    return server.select("SELECT count(*) FROM payments WHERE status NOT IN ('success', 'failed')")[0][0]
