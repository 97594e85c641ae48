"""Slow clients by the hundred, from an independent program (slowhttptest): everybody else is served meanwhile."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.support.peers import SOAK, needs
from tests.web.exposed import Exposed, exposed

pytestmark = [
    pytest.mark.soak,
    pytest.mark.system,
    needs("slowhttptest", by=SOAK),
]
ATTACK_S = 45
MODES = {
    "slow heads": ("-H", "-i", "1"),
    "slow bodies": ("-B", "-i", "1", "-s", "8000"),
    "slow readers": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"),
}


@pytest.mark.parametrize("mode", MODES)
def test_the_others_are_served_meanwhile(tmp_path: Path, mode: str) -> None:
    with exposed() as gateway:
        before_mib = resident_mib(gateway.pid)
        slowest_s = attacked(gateway, tmp_path, 100, *MODES[mode])
        assert slowest_s < 2.0
        assert resident_mib(gateway.pid) - before_mib < 16.0


@pytest.mark.parametrize("mode", MODES)
def test_after_a_flood_everything_is_as_before(tmp_path: Path, mode: str) -> None:
    with exposed() as gateway:
        before_mib = resident_mib(gateway.pid)
        attacked(gateway, tmp_path, 600, *MODES[mode])
        time.sleep(35.0)  # until the last of them is given up
        assert answered_s(gateway) < 1.0
        assert resident_mib(gateway.pid) - before_mib < 16.0


def attacked(gateway: Exposed, folder: Path, connections: int, *mode: str) -> float:
    """Attack, and ask beside it; the longest somebody else waited (s), infinite where nothing came."""
    command = ["slowhttptest", *mode, "-c", str(connections), "-r", "200", "-l", str(ATTACK_S), "-p", "5"]
    with (folder / "attack.log").open("wb") as log:
        attack = subprocess.Popen([*command, "-u", f"{gateway.address}/"], cwd=folder, stdout=log, stderr=log)
        try:
            time.sleep(3.0)
            waited_s = [0.0]
            while attack.poll() is None:
                waited_s.append(answered_s(gateway))
                time.sleep(1.0)
        finally:
            attack.kill()
            attack.wait()
    assert len(waited_s) > 5, (folder / "attack.log").read_text(errors="replace")
    return max(waited_s)


def answered_s(gateway: Exposed) -> float:
    begun_s = time.monotonic()
    try:
        with urllib.request.urlopen(f"{gateway.address}/healthz", timeout=10):
            pass
    except urllib.error.HTTPError:
        pass  # it lives, and has its reasons to say that it is not well
    except OSError:
        return float("inf")
    return time.monotonic() - begun_s


def resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024
