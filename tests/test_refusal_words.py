"""Refusals in the reader's language: the domain and the API speak English, the pages tell it as their reader speaks."""

import ast
from importlib import import_module

import pytest

from gateway import errors, i18n
from gateway.web import pages
from tests.services import ROOT

# What only programs hear: they read the contract's codes.
TO_PROGRAMS = {
    "cards", "checkout", "idempotency", "lists", "saved_cards", "strict_json", "vpa", "web/auth", "web/door",
    "web/head", "web/live", "web/operations", "web/problems", "web/protocol", "web/webhooks",
}  # fmt: skip
REFUSALS = {name for name, kind in vars(errors).items() if isinstance(kind, type)} | {"_bad_url"}


def refusals() -> set[str]:
    """Every refusal in the source that a page may have to tell, with `{}` for what is filled in."""
    found = set()
    for file in (ROOT / "gateway").rglob("*.py"):
        name = str(file.relative_to(ROOT / "gateway").with_suffix(""))
        if name not in TO_PROGRAMS:
            module = f"gateway.{name.replace('/', '.')}"
            found |= {_text(call.args[0], module) for call in _calls(file) if call.args}
    return found - {None}


def _calls(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) in REFUSALS:
            yield node


def _text(said: ast.expr, module: str) -> str | None:
    if isinstance(said, ast.Constant):
        return said.value
    if isinstance(said, ast.Name):
        return getattr(import_module(module), said.id, None)
    if isinstance(said, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in said.values)
    return None


@pytest.mark.parametrize("language", [language for language in i18n.LANGUAGES if language != i18n.SOURCE])
def test_every_refusal_that_a_page_tells_is_translated(language):
    said = refusals()
    assert len(said) > 90
    assert sorted(said - set(i18n.catalogue(language))) == []


@pytest.mark.parametrize("language", [language for language in i18n.LANGUAGES if language != i18n.SOURCE])
def test_translations_fill_in_as_much_as_the_english(language):
    pairs = i18n.parse_po((i18n.LOCALE_DIR / f"{language}-refusals.po").read_text("utf-8")).items()
    assert [source for source, target in pairs if source.count("{}") != target.count("{}")] == []


def test_what_is_filled_in_stays_and_what_nobody_translated_stays_english():
    told = i18n.refusal("hi", "A link is open for 1 to 366 days.")
    assert told.isascii() is False and "366" in told
    assert i18n.refusal("hi", "The mail server did not take the message: {0} {name}\nno").endswith("{0} {name}\nno")
    assert i18n.refusal("hi", "Nobody translated this") == "Nobody translated this"
    assert i18n.refusal("en", "No such order.") == "No such order."


def test_a_page_tells_status_and_field_as_they_are():
    told = pages.problem(errors.BadRequest("Say how much is to be paid.", field="amount"), "hi")
    assert (told.status, told.field) == (400, "amount") and not told.description.isascii()
