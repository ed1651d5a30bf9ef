"""A merchant's colour, turned into an accent that can be read on every surface, light and dark."""

LEAST_CONTRAST = 4.5  # WCAG 2.2, 1.4.3
STEP = 0.04
INK, PAPER = "#141922", "#ffffff"
# The least favourable surfaces of tokens.css.
LIGHT_SURFACE, DARK_SURFACE = "#f1f3f7", "#1f2530"


def stylesheet(color: str) -> str:
    """The accent tokens for `#rrggbb`."""
    light_soft, dark_soft = mix(PAPER, color, 0.08), mix("#161a22", color, 0.2)
    light_text = readable(color, on=min(LIGHT_SURFACE, light_soft, key=luminance), towards="#000000")
    dark_text = readable(color, on=max(DARK_SURFACE, dark_soft, key=luminance), towards=PAPER)
    ink = max(PAPER, INK, key=lambda ink: contrast(ink, color))
    fill = readable(color, on=ink, towards="#000000" if ink == PAPER else PAPER)
    hover = mix(fill, "#000000" if ink == PAPER else PAPER, 0.14)
    tokens = {
        "accent": fill,
        "accent-hover": hover,
        "accent-text": f"light-dark({light_text}, {dark_text})",
        "accent-soft": f"light-dark({light_soft}, {dark_soft})",
        "on-accent": ink,
    }
    return ":root {\n" + "".join(f"  --{name}: {value};\n" for name, value in tokens.items()) + "}\n"


def readable(color: str, *, on: str, towards: str) -> str:
    """The colour itself, or the nearest on the way to `towards` that stands out enough on a surface."""
    share = 0.0
    while contrast(mixed := mix(color, towards, share), on) < LEAST_CONTRAST and share < 1:
        share += STEP
    return mixed


def mix(color: str, other: str, share: float) -> str:
    """`share` of the other colour in this one."""
    share = min(share, 1.0)
    channels = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(mine + (theirs - mine) * share):02x}" for mine, theirs in channels)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2: 1 (none) to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it, 0 to 1."""
    red, green, blue = (_linear(channel / 255) for channel in _channels(color))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _channels(color: str) -> list[int]:
    return list(bytes.fromhex(color[1:]))
