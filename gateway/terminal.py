"""What every command shares: its options, the data it opens, and how it fails in one line."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

import click

from gateway import config
from gateway.errors import GatewayError
from gateway.server import CannotStart, Instance

USAGE_ERROR = 2

config_option = click.option("--config", "config_file", type=click.Path(path_type=Path), help="Configuration file.")
data_option = click.option(
    "--data", "data_dir", type=click.Path(path_type=Path), default=Path("data"), show_default=True,
    help="Directory of the database, the queue and the master key.",
)  # fmt: skip


class Commands(click.Group):
    """Turns every expected failure into one line on stderr."""

    def make_context(self, *args, **options):
        with _failing_in_one_line():
            return super().make_context(*args, **options)

    def invoke(self, context):
        with _failing_in_one_line():
            return super().invoke(context)


@contextmanager
def _failing_in_one_line():
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise  # The help is the answer.
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "gateway"
        _fail(f"{error.format_message()} See {command} --help.", status=USAGE_ERROR)
    except config.ConfigError as error:
        _fail(*(f"configuration: {line}" for line in error.lines))
    except (CannotStart, GatewayError) as error:
        _fail(getattr(error, "description", str(error)))
    except BrokenPipeError:
        os._exit(1)
    except OSError as error:
        _fail(str(error))


def _fail(*lines: str, status: int = 1) -> None:
    for line in lines:
        click.echo(f"gateway: {' '.join(line.split())}", err=True)
    sys.exit(status)


def instance_of(config_file: Path | None, data_dir: Path) -> Instance:
    """The data of an existing gateway; refuses to make a new one where somebody mistyped --data."""
    loaded = config.load(data_dir=data_dir, file=config_file)
    if loaded.database_url.startswith("sqlite:///") and not Path(loaded.database_url[10:]).exists():
        raise CannotStart(f"there is no gateway in {data_dir}; `gateway serve` or `gateway migrate` makes one")
    return Instance(loaded)


def ask_password(prompt: str, given: str | None) -> str:
    """The password of the option, else asked for twice at a terminal, else the first line of what is piped in."""
    if given is not None:
        return given
    if sys.stdin.isatty():
        return click.prompt(prompt, hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")
