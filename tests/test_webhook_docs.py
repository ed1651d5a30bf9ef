"""The guide for receivers: its snippets run in their languages, and its tables say what the code does."""

import base64
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from gateway import events, signatures
from gateway.jobs.sender import ERRORS
from tests import receivers
from tests.post_office import header
from tests.receivers import Receiver
from tests.services import run_node

GUIDE = (Path(__file__).parent.parent / "docs" / "webhooks.md").read_text()
OLD, NEW = "whsec_test_abc123", signatures.new_secret()
BODY = '{"id":"evt_1","event":"payment.success","data":{"payment":{"notes":{"नाम":"₹ \\"500\\" 😀"}}}}'.encode()
MINUTES = 60

NODE_MAIN = """
const cases = JSON.parse(require('fs').readFileSync(0))
console.log(JSON.stringify(cases.map((c) => isGenuine(c.secret, c.headers, Buffer.from(c.body, 'base64')))))
"""
PHP_MAIN = """
$cases = json_decode(file_get_contents('php://stdin'), true);
echo json_encode(array_map(fn ($c) => is_genuine($c['secret'], $c['headers'], base64_decode($c['body'])), $cases));
"""
GO_MAIN = """package main

import ("encoding/json"; "net/http"; "os"; "receiver/webhooks")

func main() {
	var cases []struct { Secret string; Headers map[string]string; Body []byte }
	json.NewDecoder(os.Stdin).Decode(&cases)
	verdicts := []bool{}
	for _, c := range cases {
		headers := http.Header{}
		for name, value := range c.Headers { headers.Set(name, value) }
		verdicts = append(verdicts, webhooks.IsGenuine(c.Secret, headers, c.Body))
	}
	json.NewEncoder(os.Stdout).Encode(verdicts)
}
"""


def snippet(heading: str, language: str, number: int = 0) -> str:
    """A block of code below a heading of the guide."""
    section = GUIDE.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[number]


def in_python(cases: list[dict], _folder) -> list[bool]:
    space: dict = {}
    exec(snippet("Python", "python"), space)
    return [space["is_genuine"](each["secret"], each["headers"], base64.b64decode(each["body"])) for each in cases]


def in_node(cases: list[dict], _folder) -> list[bool]:
    return json.loads(run_node(snippet("Node", "js") + NODE_MAIN, stdin=json.dumps(cases)))


def in_php(cases: list[dict], folder) -> list[bool]:
    (folder / "main.php").write_text(snippet("PHP", "php") + PHP_MAIN)
    return json.loads(run(["php", "main.php"], folder, json.dumps(cases)))


def in_go(cases: list[dict], folder) -> list[bool]:
    (folder / "webhooks").mkdir()
    (folder / "go.mod").write_text("module receiver\n")
    (folder / "webhooks" / "webhooks.go").write_text(snippet("Go", "go"))
    (folder / "main.go").write_text(GO_MAIN)
    return json.loads(run(["go", "run", "."], folder, json.dumps(cases)))


def run(command: list[str], folder, stdin: str = "") -> str:
    done = subprocess.run(command, cwd=folder, input=stdin, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


PROGRAMS = {in_python: "python3", in_node: "node", in_php: "php", in_go: "go"}


def sent(*, secret: str, previous: str | None = None, age_s: int = 0) -> dict[str, str]:
    """The headers of a webhook, as frameworks hand them over."""
    made = signatures.webhook_headers(
        event_id="evt_1", event="payment.success", body=BODY, secret=secret, previous_secret=previous,
        delivery_id="0f8ee1d7", at_s=int(time.time()) - age_s,
    )  # fmt: skip
    return {name.lower(): value for name, value in made.items()}


def case(secret: str, headers: dict[str, str], body: bytes = BODY) -> dict:
    return {"secret": secret, "headers": headers, "body": base64.b64encode(body).decode()}


def cases() -> list[tuple[dict, bool]]:
    """Made when they are needed: a signature is worth five minutes."""
    return [
        (case(OLD, sent(secret=OLD)), True),
        (case(NEW, sent(secret=NEW)), True),
        (case(OLD, sent(secret=NEW, previous=OLD)), True),
        (case(NEW, sent(secret=NEW, previous=OLD)), True),
        (case(NEW, sent(secret=NEW, age_s=4 * MINUTES)), True),
        (case(NEW, sent(secret=NEW, age_s=6 * MINUTES)), False),
        (case(NEW, sent(secret=NEW, age_s=-6 * MINUTES)), False),
        (case(OLD, sent(secret=NEW)), False),
        (case(NEW, sent(secret=NEW), BODY + b" "), False),
        (case(NEW, sent(secret=NEW) | {"webhook-timestamp": "tomorrow"}), False),
        (case(NEW, sent(secret=NEW) | {"webhook-id": "evt_2"}), False),
        (case(NEW, sent(secret=NEW) | {"webhook-signature": "v1,AAAA"}), False),
    ]


@pytest.mark.parametrize(
    "verdicts", [runner for runner, program in PROGRAMS.items() if shutil.which(program)], ids=lambda run: run.__name__
)
def test_the_snippets_tell_genuine_webhooks_from_others(verdicts, tmp_path):
    asked, genuine = zip(*cases(), strict=True)
    assert verdicts(list(asked), tmp_path) == list(genuine)


def test_python_and_node_are_always_among_them():
    assert shutil.which("python3") and shutil.which("node")


def test_the_short_check_of_the_original_system():
    script = "const crypto = require('crypto')\n" + snippet("With a library", "js") + NODE_MAIN
    cases = [case(OLD, sent(secret=OLD)), case(NEW, sent(secret=NEW)), case(OLD, sent(secret=NEW, previous=OLD))]
    assert json.loads(run_node(script, stdin=json.dumps(cases))) == [True, True, False]


def test_curl_and_openssl_sign_as_the_gateway_does(tmp_path):
    script = snippet("curl and openssl", "sh")
    with Receiver(receivers.answering(receivers.OK)) as receiver:
        script = "export NO_PROXY='*'\n" + script.replace("http://127.0.0.1:3000/webhooks", receiver.url())
        assert run(["sh", "-c", script], tmp_path) == "ok"
    (request,) = receiver.requests
    body = request.partition(b"\r\n\r\n")[2]
    expected = signatures.webhook_headers(
        event_id="evt_0000000000000000", event="webhook.test", body=body, secret=OLD, previous_secret=None,
        delivery_id="", at_s=int(header(request, "webhook-timestamp")),
    )  # fmt: skip
    for name in ("X-Webhook-Signature", "webhook-signature", "webhook-id", "X-Webhook-Event", "Content-Type"):
        assert header(request, name) == expected[name], name


def test_the_guide_names_every_event_and_every_error():
    assert [name for name in events.TYPES if f"`{name}`" not in GUIDE] == []
    explained = dict(re.findall(r"^\| `(\w+)` \| ([A-Z].*\.) \|$", GUIDE, re.MULTILINE))
    assert explained == ERRORS
