"""Charts as SVG made on the server: no script draws them, and what they show stands in a table beside them.

Shapes carry classes, never styles, so that the style sheet colours them for light and dark. A chart is stretched to
its place; its words are HTML around it, since text inside would be stretched too.
"""

from typing import NamedTuple

from markupsafe import Markup, escape

WIDTH, HEIGHT = 1000, 200
GAP = 0.28  # of a column's width
LEAST = 3  # what is more than nothing can be seen


class Bar(NamedTuple):
    """One column: its height, and what a pointer over it says."""

    value: int
    tip: str


def columns(bars: list[Bar], label: str, top: int) -> Markup:
    """Columns side by side, `top` as high as the chart; `label` says in a sentence what they show."""
    width = WIDTH / max(1, len(bars))
    shapes = [_column(bar, number * width, width, top) for number, bar in enumerate(bars)]
    return _svg("".join(shapes), label, "chart-columns")


def _column(bar: Bar, x: float, width: float, top: int) -> str:
    inner, left = width * (1 - GAP), x + width * GAP / 2
    height = _height(bar.value, top)
    return (
        f'<g class="chart-bar" data-tip="{escape(bar.tip)}">'
        + _rect("chart-hit", x, 0, width, HEIGHT)
        + _rect("chart-fill", left, HEIGHT - height, inner, height)
        + "</g>"
    )


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    if not height or not width:
        return ""
    return f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _height(value: int, top: int) -> float:
    return max(LEAST, value * HEIGHT / top) if value else 0


def share(part: int, whole: int, label: str) -> Markup:
    """A bar that is filled as far as `part` is of `whole`."""
    filled = WIDTH * part / whole if whole else 0
    shapes = _rect("chart-track", 0, 0, WIDTH, 8) + _rect("chart-fill", 0, 0, filled, 8)
    return _svg(shapes, label, "chart-share", height=8)


def _svg(shapes: str, label: str, name: str, height: int = HEIGHT) -> Markup:
    return Markup(
        f'<svg class="chart {name}" viewBox="0 0 {WIDTH} {height}" preserveAspectRatio="none" role="img"'
        f' aria-label="{escape(label)}">{shapes}</svg>'
    )


def axis(top: int) -> int:
    """A round number at or above `top`, for the end of an axis: 1, 2, 5, 10, 20, …"""
    size = 1
    while True:
        for step in (1, 2, 5):
            if step * size >= top:
                return step * size
        size *= 10
