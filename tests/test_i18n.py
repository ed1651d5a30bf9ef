"""Languages: how they are chosen, how their files are read, and that nothing on the checkout stays English."""

import re
import string

import pytest

from gateway import i18n, settlement
from gateway.processors import instruments
from tests.services import ROOT

MARKED = re.compile(r"""_\((?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\)""")
PAGES = [
    *ROOT.glob("gateway/assets/templates/checkout/*.html"),
    *ROOT.glob("gateway/assets/templates/bank/*.html"),
    ROOT / "gateway/web/checkout_words.py",
]
ERRORS = {
    *(text for reason, text in instruments._DESCRIPTIONS.items() if reason != "refund_failed"),
    settlement.CARD_DATA_LOST.error_description,
    settlement.EXPIRED.error_description,
}


def marked_texts():
    found = (match for page in PAGES for match in MARKED.finditer(page.read_text("utf-8")))
    return {(match[1] or match[2]).replace("\\'", "'") for match in found}


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", [language for language in i18n.LANGUAGES if language != i18n.SOURCE])
def test_every_text_of_the_checkout_is_translated(language):
    texts = marked_texts() | ERRORS
    assert len(texts) > 80
    assert not [text for text in texts if text not in i18n.catalogue(language)]


@pytest.mark.parametrize("language", [language for language in i18n.LANGUAGES if language != i18n.SOURCE])
def test_translations_keep_their_blanks(language):
    pairs = i18n.catalogue(language).items()
    assert not [source for source, target in pairs if fields(source) != fields(target)]


@pytest.mark.parametrize(
    ("wishes", "language"),
    [
        ((None, None), "en"),
        (("hi",), "hi"),
        (("HI-in",), "hi"),
        (("de", "hi"), "hi"),
        ((None, "de-DE,de;q=0.9,hi;q=0.8,en;q=0.7"), "hi"),
        ((None, "en;q=0.2, hi;q=0.9"), "hi"),
        (("../../etc/passwd", "*"), "en"),
        (("hi;q=x, en;q=0.1",), "en"),
    ],
)
def test_the_best_language_is_chosen(wishes, language):
    assert i18n.choose(*wishes) == language


def test_po_files_are_read_as_gettext_writes_them():
    text = '''
msgid ""
msgstr "Language: xx\\n"

# A comment, and a text over two lines.
msgid "two "
"lines"
msgstr "zwei \\"Zeilen\\""

msgid "not yet translated"
msgstr ""
'''
    assert i18n.parse_po(text) == {"two lines": 'zwei "Zeilen"'}


def test_a_text_without_a_translation_stays_as_it_is():
    assert i18n.translator("hi")("Nobody translated this") == "Nobody translated this"
