"""The one file runs by itself: for any user, from an empty directory, with nothing in its environment."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.cli import main

TIMEOUT_S = 30


class Stranger:
    """Somebody else on this machine, who has the file, an empty directory and a temporary one, and nothing more."""

    def __init__(self, folder: Path, user: str | None):
        self.user = user
        self.home, self.temporary = folder / "home", folder / "tmp"
        self.program = folder / "gateway"

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.program, *arguments], cwd=self.home, user=self.user, env={"TMPDIR": str(self.temporary)},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> str:
        with self.start(*arguments) as process:
            out, error = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, error
        return out


@pytest.fixture
def stranger(packed_gateway: Path) -> Iterator[Stranger]:
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="gateway-test-") as name:
        someone = Stranger(Path(name), user)
        shutil.copy(packed_gateway, someone.program)
        for folder in (someone.home, someone.temporary):
            folder.mkdir()
        if user:
            Path(name).chmod(0o755)
            for folder in (someone.home, someone.temporary):
                os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
        yield someone


def test_it_says_its_version_and_leaves_nothing_behind(stranger: Stranger):
    assert stranger.run("--version") == f"gateway {__version__}\n"
    assert not list(stranger.home.iterdir())
    assert not list(stranger.temporary.iterdir())


def test_it_has_every_command_of_the_sources(stranger: Stranger):
    from_sources = CliRunner().invoke(main, ["--help"], prog_name="gateway").output
    assert "serve" in from_sources
    assert stranger.run("--help") == from_sources


def test_one_that_was_killed_goes_down_at_once_and_the_next_start_tidies_up(stranger: Stranger):
    with stranger.start("serve", "--demo", "--port", "0") as launcher:
        said = launcher.stderr.readline()
        assert "listening" in said
        launcher.send_signal(signal.SIGKILL)
        # Both pipes end only when the launcher's child, which holds them too, has gone.
        launcher.communicate(timeout=TIMEOUT_S)
    assert [left.name[:4] for left in stranger.temporary.iterdir()] == ["_MEI"]
    stranger.run("--version")
    assert not list(stranger.temporary.iterdir())
