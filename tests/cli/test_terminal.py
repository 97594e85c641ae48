"""What a person is asked at a terminal: whether it is the gateway that is meant, and passwords without echo."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.served import PASSWORD, gateway_at_home
from tests.web.accounts.gateway import console

pytestmark = pytest.mark.system


def at_terminal(folder: Path, *arguments: str, answers: list[tuple[str, str]]) -> tuple[int, str]:
    """Run a command at a terminal; each answer is typed once its question stands there. Return all that was shown."""
    here, there = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(folder), "TERM": "dumb"}
    command = [sys.executable, "-m", "heg", *arguments]
    shown = ""
    with subprocess.Popen(
        command, stdin=there, stdout=there, stderr=there, env=environment, start_new_session=True
    ) as process:
        os.close(there)
        left = list(answers)
        asked = 0
        while select.select([here], [], [], 20)[0]:
            try:
                shown += os.read(here, 65_536).decode()
            except OSError:  # the terminal's other end is closed
                break
            while left and left[0][0] in shown[asked:]:
                asked = len(shown)
                os.write(here, f"{left.pop(0)[1]}\n".encode())
        process.wait(20)
    os.close(here)
    return process.returncode, shown


def test_a_person_compares_agrees_and_logs_in_without_echo(tmp_path: Path) -> None:
    with gateway_at_home(tmp_path) as served:
        home = tmp_path / "home"
        there = ("--host", served.https)
        refused = at_terminal(home, *there, "status", answers=[("[yes/no]", "no")])
        assert refused[0] == 76
        assert not home.exists()
        code = console(tmp_path, served.clock).reveal()
        asked = [
            *(("[yes/no]", "yes"), ("the code", code), ("your name", "anna")),
            *(("new password", PASSWORD), ("once more", PASSWORD)),
        ]
        ended, shown = at_terminal(home, *there, "claim", answers=asked)
        assert ended == 0, shown
        assert PASSWORD not in shown
        assert code not in shown
        ended, shown = at_terminal(home, *there, "login", answers=[("name:", "anna"), ("password of anna", PASSWORD)])
        assert ended == 0, shown
        assert PASSWORD not in shown
        assert "logged in at" in shown
        ended, shown = at_terminal(home, *there, "users", "list", answers=[("password of anna", PASSWORD)])
        assert ended == 0, shown
        assert "owner" in shown


def test_two_passwords_that_differ_change_nothing(tmp_path: Path) -> None:
    with gateway_at_home(tmp_path) as served:
        code = console(tmp_path, served.clock).reveal()
        asked = [("[yes/no]", "yes"), ("the code", code), ("new password", PASSWORD), ("once more", PASSWORD + "x")]
        ended, shown = at_terminal(tmp_path / "home", "--host", served.https, "claim", "--name", "anna", answers=asked)
        assert (ended, "the two were not the same" in shown) == (2, True), shown
