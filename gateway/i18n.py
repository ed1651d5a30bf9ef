"""Languages of the pages: English in the source, others from gettext `.po` files that are read at start."""

import ast
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

LOCALE_DIR = Path(__file__).parent / "assets" / "locale"
SOURCE = "en"
LANGUAGES = {"en": "English", "hi": "हिन्दी"}
RIGHT_TO_LEFT = {"ar", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi"}

_ENTRY = re.compile(r'^msgid ((?:"(?:[^"\\]|\\.)*"\s*)+)^msgstr ((?:"(?:[^"\\]|\\.)*"\s*)+)', re.MULTILINE)
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"')


@lru_cache
def catalogue(language: str) -> dict[str, str]:
    """English text → text in `language`, as the files `locale/<language>*.po` have it; empty for English."""
    if language == SOURCE:
        return {}
    files = sorted(LOCALE_DIR.glob(f"{language}*.po"))
    return {source: target for file in files for source, target in parse_po(file.read_text("utf-8")).items()}


def parse_po(text: str) -> dict[str, str]:
    """The translated entries of a `.po` file without plurals and contexts, which the pages do not use."""
    pairs = ((_joined(source), _joined(target)) for source, target in _ENTRY.findall(text))
    return {source: target for source, target in pairs if source and target}


def translator(language: str) -> Callable[[str], str]:
    """`_` for pages in this language: the translation where there is one, otherwise the text itself."""
    words = catalogue(language)
    return lambda text: words.get(text, text)


def refusal(language: str, sentence: str) -> str:
    """A refusal of the domain, which speaks English, in `language`; itself where nobody translated it."""
    if known := catalogue(language).get(sentence):
        return known
    for pattern, target in _with_blanks(language):
        if filled := pattern.fullmatch(sentence):
            return target.format(*filled.groups())
    return sentence


@lru_cache
def _with_blanks(language: str) -> list[tuple[re.Pattern, str]]:
    """The refusals that have something filled in at `{}`."""
    file = LOCALE_DIR / f"{language}-refusals.po"
    found = parse_po(file.read_text("utf-8")) if file.exists() else {}
    return [
        (re.compile("(.+)".join(map(re.escape, source.split("{}"))), re.DOTALL), target)
        for source, target in found.items()
        if "{}" in source
    ]


def choose(*wishes: str | None) -> str:
    """The first language we have among wishes such as `hi-IN` or an Accept-Language header; English otherwise."""
    for wish in wishes:
        for tag in _by_preference(wish or ""):
            if tag.partition("-")[0] in LANGUAGES:
                return tag.partition("-")[0]
    return SOURCE


def direction(language: str) -> str:
    return "rtl" if language in RIGHT_TO_LEFT else "ltr"


def _by_preference(header: str) -> list[str]:
    """`en;q=0.8, hi` becomes `hi, en`; what does not parse comes last."""
    ranked = []
    for part in header[:200].lower().split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            ranked.append((-float(quality or 1), tag))
        except ValueError:
            ranked.append((0.0, tag))
    return [tag for _, tag in sorted(ranked, key=lambda entry: entry[0])]


def _joined(quoted: str) -> str:
    return "".join(ast.literal_eval(piece) for piece in _PIECE.findall(quoted))
