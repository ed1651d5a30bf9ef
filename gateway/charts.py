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
    """One column: its height, what a pointer over it says, and a second value drawn on top of the first."""

    value: int
    tip: str
    second: int = 0


def columns(bars: list[Bar], label: str) -> Markup:
    """Columns side by side; `label` says in a sentence what they show."""
    top = max((bar.value + bar.second for bar in bars), default=0) or 1
    width = WIDTH / max(1, len(bars))
    shapes = [_column(bar, number * width, width, top) for number, bar in enumerate(bars)]
    return _svg("".join(shapes), label, "chart-columns")


def _column(bar: Bar, x: float, width: float, top: int) -> str:
    inner, left = width * (1 - GAP), x + width * GAP / 2
    height, second = _height(bar.value, top), _height(bar.second, top)
    return (
        f'<g class="chart-bar" data-tip="{escape(bar.tip)}">'
        + _rect("chart-hit", x, 0, width, HEIGHT)
        + _rect("chart-fill", left, HEIGHT - height, inner, height)
        + _rect("chart-fill-bad", left, HEIGHT - height - second, inner, second)
        + "</g>"
    )


def _rect(name: str, x: float, y: float, width: float, height: float) -> str:
    if not height or not width:
        return ""
    return f'<rect class="{name}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _height(value: int, top: int) -> float:
    return max(LEAST, value * HEIGHT / top) if value else 0


def line(values: list[int], label: str) -> Markup:
    """A small line without axes, for how a figure went; a single value makes a level line."""
    values = values if len(values) > 1 else [*values, *values] or [0, 0]
    top, step = max(values) or 1, WIDTH / (len(values) - 1)
    points = " ".join(
        f"{number * step:.1f},{HEIGHT - 6 - value * (HEIGHT - 12) / top:.1f}" for number, value in enumerate(values)
    )
    area = f'<polygon class="chart-area" points="0,{HEIGHT} {points} {WIDTH},{HEIGHT}"/>'
    return _svg(f'{area}<polyline class="chart-line" points="{points}"/>', label, "chart-line-only")


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
