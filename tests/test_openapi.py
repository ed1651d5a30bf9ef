"""The OpenAPI document is valid, complete, and true of the running gateway, whatever is sent to it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bench.server import KEY, Server
from gateway import __version__
from gateway.web.app import ROUTES
from tests.calling import Caller

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
TIMEOUT_S = 200
EXAMPLES = 3
# A document cannot say everything: which currencies there are, or that a card goes with method card alone.
NOT_PROMISED = "positive_data_acceptance"


@pytest.fixture(scope="module")
def server():
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MIN": "0", "GATEWAY_SIMULATOR_DELAY_MAX": "0"}) as server:
        yield server


@pytest.fixture(scope="module")
def document(server: Server) -> dict:
    answer = Caller(server, {})("GET", "/openapi.json")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    return answer.json


def test_it_is_openapi_3_1(document):
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"] == __version__
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_command_line_prints_the_same(server: Server, document):
    printed = subprocess.run([sys.executable, "-m", "gateway", "openapi"], capture_output=True, check=True).stdout
    assert json.loads(printed) == document


def operations(document: dict) -> dict[tuple[str, str], dict]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def test_it_holds_every_route_and_no_other(document):
    routes = {(route.method, "/api/v1" + re.sub(r"<(\w+)>", r"{\1}", route.path)) for route in ROUTES}
    assert set(operations(document)) == routes


def test_every_operation_is_named_once_summarised_and_says_who_may_call_it(document):
    found = operations(document)
    assert len({operation["operationId"] for operation in found.values()}) == len(found)
    assert all(operation["summary"] and operation["tags"] for operation in found.values())
    for route in ROUTES:
        operation = found[route.method, "/api/v1" + re.sub(r"<(\w+)>", r"{\1}", route.path)]
        assert ("security" in operation) == (route.access == "merchant")


def test_what_validates_requests_is_what_it_shows(document):
    schemas = document["components"]["schemas"]
    assert schemas["NewOrder"]["additionalProperties"] is False
    assert schemas["NewOrder"]["required"] == ["amount"]
    assert schemas["Payment"]["properties"]["status"] == {
        "enum": ["cancelled", "failed", "pending", "processing", "requires_action", "success"]
    }
    assert set(schemas["Error"]["properties"]) == {"error"}


def test_limits_that_can_be_said_are_said(document):
    schemas = document["components"]["schemas"]
    for kind in ("NewOrder", "NewLink"):
        amount = schemas[kind]["properties"]["amount"]
        assert (amount["minimum"], amount["maximum"]) == (1, 2**53 - 1)
    for kind in ("NewRefund", "Capture"):
        assert schemas[kind]["properties"]["amount"]["anyOf"][0]["maximum"] == 2**53 - 1
    texts = [
        parameter["schema"]
        for operation in operations(document).values()
        for parameter in operation["parameters"]
        if parameter["in"] == "query" and parameter["schema"].get("type") == "string"
    ]
    assert texts
    assert all("enum" in text or 1 == text["minLength"] < text["maxLength"] for text in texts)


def test_thousands_of_requests_made_from_it_find_nothing_that_it_does_not_say(server: Server):
    """Among all checks first of all: no answer is a 500."""
    done = subprocess.run(
        [
            SCHEMATHESIS, "run", f"http://127.0.0.1:{server.port}/openapi.json", "--no-color", "--seed", "1",
            "--max-examples", str(EXAMPLES), "--checks", "all", "--exclude-checks", NOT_PROMISED,
            *(part for name, value in KEY.items() for part in ("--header", f"{name}: {value}")),
        ],
        cwd=server.data, capture_output=True, text=True, timeout=TIMEOUT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-8_000:]
    assert int(re.search(r"(\d+) generated", done.stdout)[1]) > 1_000
    assert "Traceback" not in server.log()
    checked = server.run("check")
    assert checked.returncode == 0, checked.stdout
