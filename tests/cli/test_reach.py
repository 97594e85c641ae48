"""Everything the API offers can be driven from the command line, and the command line stays quick."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heg.cli.completion import tree
from heg.cli.parser import parser, parser_for, sections
from heg.runtime.clock import Clock
from tests.cli.command_page import PAGE, page
from tests.cli.served import plain_gateway
from tests.support.stepped import run_stepped
from tests.web.endpoints_page import with_login

CLI = Path(__file__).parents[2] / "heg" / "cli"
WITHOUT_A_COMMAND = {
    "/healthz": "for those who watch the service; heg health tells more",
}
_PLACE = re.compile(r"\\{[^}]*\\}|\{[^}]*\}")


def told_paths() -> set[str]:
    """Every path that stands in a command's source, its places left open."""
    return {_PLACE.sub("{}", path) for source in CLI.glob("*.py") for path in _paths_in(source.read_text())}


def _paths_in(source: str) -> Iterator[str]:
    prefix = "".join(re.findall(r'^_PATH = "([^"]*)"', source, re.MULTILINE))
    yield prefix
    for path in re.findall(r'f?"((?:\{_PATH\}|/api/v1|/metrics)[^"?]*)"', source):
        yield path.replace("{_PATH}", prefix)
    yield from (f"/api/v1/commands/{name}" for name in re.findall(r'ordered\(options, "([a-z-]+)"', source))
    yield from (f"{prefix}/{what}" for what in re.findall(r'_send\(options, "(\w+)"', source))


def test_each_endpoint_is_reached_by_a_command(tmp_path: Path) -> None:
    async def paths(clock: Clock) -> set[str]:
        async with with_login(clock, tmp_path) as served:
            return {row.path for row in served.web.table.rows}

    offered = {path for path in run_stepped(paths) if path not in WITHOUT_A_COMMAND}
    missing = {path for path in offered if _PLACE.sub("{}", path) not in told_paths()}
    assert not missing, f"give each a command (heg/cli/remote.py says how), or a reason above: {sorted(missing)}"


def test_the_page_lists_every_command() -> None:
    assert PAGE.read_text() == page(), "print it anew: python -m tests.cli.command_page"


def test_each_command_says_what_it_does_and_takes() -> None:
    for node in tree(parser()).every():
        assert not node.path or node.text, node.path
        for option in node.options:
            assert option.text or node.path[-1:] == ("plan",), (node.path, option.flags)


def test_status_loads_no_server_no_loop_and_little_else() -> None:
    with plain_gateway() as behind:
        code = (
            "import sys; from heg.cli import main; main(sys.argv[1:]); "
            "print(len(sys.modules), *sorted({'aiohttp','asyncio','sqlite3','cryptography'} & set(sys.modules)))"
        )
        command = [sys.executable, "-c", code, "--host", f"127.0.0.1:{behind.served.port}", "alarms"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    count, *heavy = said.stdout.splitlines()[-1].split()
    assert heavy == []
    assert int(count) < 300


def test_one_command_is_read_without_the_others() -> None:
    every = tree(parser()).children
    for name in (name for names in sections().values() for name in names):
        alone = tree(parser_for(name)).children
        assert alone[name] == every[name]
        assert len(alone) < len(every) / 4, name


@pytest.mark.parametrize("said", ["", "--help", "--host", "runn"])
def test_what_is_no_command_is_read_with_all(said: str) -> None:
    assert tree(parser_for(said)) == tree(parser())


@pytest.mark.system
def test_watching_ends_at_ctrl_c_without_a_word() -> None:
    with plain_gateway() as behind:
        watch = [sys.executable, "-m", "heg", "watch", "--json", "--host", f"127.0.0.1:{behind.served.port}"]
        command = ["env", "--default-signal=INT", *watch]  # tests that run in the background ignore it
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as watching:
            assert watching.stdout is not None
            assert json.loads(watching.stdout.readline())["unit"] == "home"
            watching.send_signal(signal.SIGINT)
            _, err = watching.communicate(timeout=20)
    assert (watching.returncode, err) == (130, "")


@pytest.mark.system
def test_watching_says_when_the_gateway_ends_it() -> None:
    with plain_gateway() as behind:
        command = [sys.executable, "-m", "heg", "watch", "power.active", "--host", f"127.0.0.1:{behind.served.port}"]
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        assert watching.stdout is not None
        seen = ""
        for _ in range(100):
            behind.call(behind.served.house.tick)
            if select.select([watching.stdout], [], [], 0.1)[0]:
                seen = watching.stdout.readline()
                break
    with watching:
        _, err = watching.communicate(timeout=20)
    assert "power.active" in seen
    assert watching.returncode == 69, err
    assert "Traceback" not in err
