"""/docs says everything about the API, its examples run, and it can be read anywhere."""

import ast
import json
import re
import subprocess
import sys
import urllib.request
from html import unescape

import pytest
from axe_playwright_python.sync_playwright import Axe

from bench.server import Server
from gateway import __version__
from gateway.web import examples, openapi, reference
from tests.services import run_node

TIMEOUT_S = 30
OPERATIONS = {
    operation.id: operation for section in reference.sections(openapi.document()) for operation in section.operations
}
ANYWHERE = examples.Caller("http://127.0.0.1:8000", "key_test_abc123", "secret_test_xyz789")


@pytest.fixture(scope="module")
def demo():
    with Server(environment={"GATEWAY_SIMULATOR_DELAY_MAX": "0"}) as server:
        yield server


@pytest.fixture(scope="module")
def html(demo) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/docs") as answer:
        assert answer.headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
        return answer.read().decode()


def caller(demo) -> examples.Caller:
    return ANYWHERE._replace(base=f"http://127.0.0.1:{demo.port}")


def curl(text: str) -> dict:
    return json.loads(run(["bash", "-c", text.replace("curl ", "curl -s ", 1)]))


def python(text: str) -> dict:
    return ast.literal_eval(run([sys.executable, "-c", text]))


def node(text: str) -> dict:
    """The example prints an object as Node shows it; this lets it print the text of the answer."""
    return json.loads(run_node(f"(async () => {{ {text.replace('answer.json()', 'answer.text()')} }})()"))


RUNNERS = {"curl": curl, "Python": python, "Node": node}


def run(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True).stdout


@pytest.mark.parametrize("language", RUNNERS)
def test_an_order_is_made_paid_and_seen_with_the_examples_of_each_language(demo, language):
    def ask(operation: str, *replacements: tuple[str, str]) -> dict:
        text = dict(examples.of(OPERATIONS[operation], caller(demo)))[language]
        for placeholder, value in replacements:
            text = text.replace(placeholder, value)
        return RUNNERS[language](text)

    order = ask("orders_create")
    payment = ask("payments_create", ("order_…", order["id"]))
    assert payment["order_id"] == order["id"]
    assert ask("payments_show", ("PAYMENT_ID", payment["id"]))["amount"] == order["amount"]
    assert ask("orders_list_all")["data"][0]["id"] == order["id"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_example_is_well_formed(name):
    texts = dict(examples.of(OPERATIONS[name], ANYWHERE))
    run(["bash", "-n", "-c", texts["curl"]])
    ast.parse(texts["Python"])
    assert "{" not in texts["curl"].splitlines()[0], "curl would take braces for a pattern"


def test_every_node_example_is_well_formed():
    texts = [dict(examples.of(operation, ANYWHERE))["Node"] for operation in OPERATIONS.values()]
    check = "const Read = (async () => {}).constructor; for (const text of JSON.parse(process.argv[1])) new Read(text)"
    assert run_node(check, json.dumps(texts)) == ""


def test_the_page_has_every_operation_with_its_examples(demo, html):
    text, mine = unescape(html), caller(demo)._replace(base="http://127.0.0.1:0")
    assert __version__ in text
    for operation in OPERATIONS.values():
        assert f'<article class="card" id="{operation.id}"' in html
        assert all(example in text for _, example in examples.of(operation, mine))


def test_every_link_within_the_page_leads_somewhere(html):
    anchors = re.findall(r' id="([^"]+)"', html)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= set(anchors)


def test_every_object_that_an_operation_speaks_of_is_explained():
    names = {found.name for found in reference.objects(openapi.document())}
    answers = {operation.answers.removeprefix("list of ") for operation in OPERATIONS.values()} - {"object"}
    assert answers <= names
    assert {"Error", "CardFields", "Card"} <= names


def test_one_choice_of_language_holds_for_all_examples_and_stays(demo, page):
    page.goto(f"http://127.0.0.1:{demo.port}/docs")
    page.click("#orders_create label:has-text('Node')")
    assert page.locator("#refunds_create pre:visible").inner_text().startswith("const answer = await fetch(")
    page.reload()
    assert page.locator("#orders_create pre:visible").inner_text().startswith("const answer = await fetch(")


def test_an_example_is_copied_with_a_click(demo, page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"http://127.0.0.1:{demo.port}/docs")
    page.click("#orders_show .tab:visible [data-copy]")
    page.wait_for_selector("#orders_show .copied")
    assert page.evaluate("navigator.clipboard.readText()").startswith("curl http://")


@pytest.mark.parametrize("width, scheme", [(390, "light"), (390, "dark"), (1280, "light")])
def test_the_page_can_be_read_by_everybody_on_any_screen(demo, page, width, scheme):
    troubles = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"http://127.0.0.1:{demo.port}/docs")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    found = Axe().run(page).response["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
    assert troubles == []
