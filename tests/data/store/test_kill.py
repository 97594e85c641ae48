"""`kill -9` at random instants: what was flushed is there, in order, and the file is whole."""

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from tests.data.store.houses import alarms, raw_values, unit
from tests.support.stepped import run_stepped

ROOT = Path(__file__).parents[3]


def killed(path: Path, first: int, after_s: float) -> int:
    """Let a writer run for a while, kill it; returns up to which number it had called its writes durable."""
    command = [sys.executable, "-m", "tests.data.store.writer_process", str(path), str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        killer = threading.Timer(after_s, process.send_signal, (signal.SIGKILL,))
        killer.start()
        said = process.stdout.read().split()
        killer.join()
    # The last line may have been cut in the middle of a number.
    return int(said[-2]) if len(said) > 1 else first


def kills(path: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    first = 0
    for _ in range(times):
        durable = killed(path, first, chance.uniform(0.05, 0.8))
        store = sqlite3.connect(path)
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        store.close()

        async def look(clock: Clock) -> list[object]:
            async with unit(clock, path) as (_, door):
                await clock.sleep(1)
                assert alarms(door) == {}
                return sorted(await raw_values(clock, door, "energy.import"), key=float)  # type: ignore[arg-type]

        found = run_stepped(look)
        assert len(found) >= durable
        assert found == [number / 1000 for number in range(len(found))]
        first = len(found)
    assert first > 50 * times / 2


def test_three_kills(tmp_path: Path) -> None:
    kills(tmp_path / "store.sqlite", 3, seed=1)


@pytest.mark.soak
def test_fifty_kills_of_the_store(tmp_path: Path) -> None:
    kills(tmp_path / "store.sqlite", 50, seed=2)
