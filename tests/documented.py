"""What the docs copy out of the code; `python -m tests.documented` copies it again.

A copied part of a page stands between `<!-- copied: NAME -->` and `<!-- end -->`; `config.example.toml` is all copied.
"""

import json
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import click

from gateway import cli, config, states
from gateway.processors import instruments

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
FIGURES = ROOT / "docs" / "figures.json"
COPIED = re.compile(r"(<!-- copied: ([a-z ]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)

COMMON_OPTIONS = ("--config", "--data")
HELP_LENGTH_MAX = 200
MOST_USED = (
    "success@razorpay", "failure@razorpay", "4100280000001007", "4242424242424242", "4000000000000002",
    "4000000000009995", "4000002760003184", "4100280000090000", "4000000000007726", "4000000000005126",
)  # fmt: skip


def settings() -> str:
    """Every key of the configuration."""
    rows = [
        (f"`{key}`", f"`{_environment(key)}`", f"`{_toml(default)}`", meaning)
        for key, default, meaning in config.settings()
    ]
    return _table(("key", "environment", "default", "meaning"), rows)


def example_config() -> str:
    """The text of `config.example.toml`."""
    lines = [
        "# Every setting with its default. Copy this file to config.toml, and take the # from what you change.",
        "# The environment wins over the file: GATEWAY_SERVER_PORT=8080. See docs/configuration.md.",
    ]
    for section, keys in groupby(config.settings(), lambda setting: setting[0].partition(".")[0]):
        lines += ["", f"[{section}]"]
        for key, default, meaning in keys:
            lines += [f"# {meaning}", f"# {key.partition('.')[2]} = {_toml(default)}"]
    return "\n".join(lines) + "\n"


def _environment(key: str) -> str:
    return config.ENVIRONMENT_PREFIX + key.replace(".", "_").upper()


def _toml(value) -> str:
    if isinstance(value, tuple):
        return json.dumps([_number(part) for part in value])
    return json.dumps(_number(value), ensure_ascii=False)


def _number(value):
    return int(value) if isinstance(value, float) and value.is_integer() else value


def payment_states() -> str:
    return _states(states.PAYMENT_MOVES)


def refund_states() -> str:
    return _states(states.REFUND_MOVES)


def _states(moves: dict) -> str:
    """One line for each state, in the order of the table of moves."""
    order = [state or "(new)" for state in moves]
    width = max(map(len, order))
    lines = []
    for state, targets in zip(order, moves.values(), strict=True):
        ordered = ", ".join(sorted(targets, key=order.index))
        lines.append(f"{state:{width}}  ──▶  {ordered}" if ordered else f"{state:{width}}  is final")
    return "\n".join(["```", *lines, "```"])


def all_instruments() -> str:
    """Every test card and address with its documented effect."""
    return _instruments(instruments.documented())


def most_used_instruments() -> str:
    rows = {row.instrument: row for row in instruments.documented()}
    return _instruments([rows[instrument] for instrument in MOST_USED])


def _instruments(documented: list[instruments.Documented]) -> str:
    rows = [(f"`{row.instrument}`", row.kind, row.effect) for row in documented]
    return _table(("what is typed", "what it is", "what becomes of the payment"), rows)


def commands() -> str:
    """Every command with its options, but for those that nearly all of them have."""
    rows = []
    for name, command in all_commands():
        options = [_option(parameter) for parameter in command.params if parameter.opts[0] not in COMMON_OPTIONS]
        rows.append((f"`{name}`", command.get_short_help_str(HELP_LENGTH_MAX), "<br>".join(options)))
    return _table(("command", "what it does", "options"), rows)


def all_commands() -> list[tuple[str, click.Command]]:
    return list(_commands(cli.main, "gateway"))


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for word, child in sorted(command.commands.items()):
        yield from _commands(child, f"{name} {word}")


def _option(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return f"`{parameter.name.upper()}`"
    choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
    meaning = (parameter.help or " or ".join(choices)).rstrip(".")
    return f"`{parameter.opts[0]}` {meaning}{' (required)' if parameter.required else ''}"


def figures() -> str:
    """What `make bench > docs/figures.json` measured, beside what was promised."""
    if not FIGURES.exists():
        return "Not measured for this release yet: `make bench` does it."
    report = json.loads(FIGURES.read_text())
    rows = [
        (figure["meaning"], str(figure["median"]), figure.get("goal", ""), str(figure.get("original", "")))
        for figure in report["figures"].values()
    ]
    machine = report["machine"]
    where = "{cores} cores of {processor}, Python {python}, SQLite {sqlite}".format(**machine)
    return _table((f"{where}; {report['payments_per_run']:,} payments per run", "measured", "goal", "original"), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


PARTS = {
    "settings": settings,
    "payment states": payment_states,
    "refund states": refund_states,
    "all instruments": all_instruments,
    "most used instruments": most_used_instruments,
    "commands": commands,
    "figures": figures,
}


def copied_anew(page: str) -> str:
    """The page with every copied part as the code has it now."""
    return COPIED.sub(lambda part: f"{part[1]}{PARTS[part[2]]()}\n{part[4]}", page)


def main() -> None:
    (ROOT / "config.example.toml").write_text(example_config())
    for path in PAGES:
        path.write_text(copied_anew(path.read_text()))


if __name__ == "__main__":
    main()
