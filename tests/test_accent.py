"""A merchant may choose any colour; whatever it is, everything can still be read."""

import re

from hypothesis import given
from hypothesis import strategies as st

from gateway import accent

COLORS = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(COLORS)
def test_every_colour_can_be_read(color):
    tokens = dict(re.findall(r"--([\w-]+): (.*);", accent.stylesheet(color)))
    assert accent.contrast(tokens["accent"], tokens["on-accent"]) >= accent.LEAST_CONTRAST
    assert accent.contrast(tokens["accent-hover"], tokens["on-accent"]) >= accent.LEAST_CONTRAST
    light, dark = (re.findall(r"#\w{6}", tokens[name]) for name in ("accent-text", "accent-soft"))
    for surface in ("#ffffff", accent.LIGHT_SURFACE, dark[0]):
        assert accent.contrast(light[0], surface) >= accent.LEAST_CONTRAST
    for surface in ("#161a22", accent.DARK_SURFACE, dark[1]):
        assert accent.contrast(light[1], surface) >= accent.LEAST_CONTRAST


def test_a_colour_that_can_be_read_stays_as_it_is():
    assert "--accent: #0b6e5f;" in accent.stylesheet("#0b6e5f")
