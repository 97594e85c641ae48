"""Whatever strangers send: no crash, no hang, no growth. Beside it, what each target holds of its own answers."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.drivers.upnp.fuzz.targets import TARGETS
from tests.support.peers import SOAK, needs_beside

SOAK_S = 45


@st.composite
def mangled(draw: st.DrawFn, name: str) -> bytes:
    """A seed with pieces cut out, put in, said again, or torn at any place."""
    target = TARGETS[name]
    words = [*target.words, *target.seeds, b"\0", b"\xff\xfe", b"A" * 5000]
    data = draw(st.sampled_from(target.seeds))
    for _ in range(draw(st.integers(0, 6))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        piece = draw(st.one_of(st.binary(max_size=8), st.sampled_from(words), st.just(data[at:to])))
        data = (data[:at] + piece + data[draw(st.sampled_from((at, to))) :])[:65_536]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_is_taken_without_a_crash_and_nothing_piles_up(name: str) -> None:
    fed = TARGETS[name].make()

    @settings(max_examples=120)
    @given(st.one_of(mangled(name), st.binary(max_size=300)))
    @example(b"")
    def feed(data: bytes) -> None:
        fed.feed(data)
        assert fed.kept() <= fed.most_kept

    feed()


@pytest.mark.parametrize("name", TARGETS)
def test_the_seeds_go_through(name: str) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].make().feed(seed)


@pytest.mark.soak
@pytest.mark.system
@needs_beside("atheris", by=SOAK)
@pytest.mark.parametrize("name", TARGETS)
def test_a_search_by_coverage_finds_nothing(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.drivers.upnp.fuzz", name, "--seconds", str(SOAK_S)]
    ran = subprocess.run(
        [*command, "--corpus", str(tmp_path / "corpus")],
        capture_output=True,
        text=True,
        timeout=SOAK_S + 120,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said[-4000:]
    tries = re.search(r"stat::number_of_executed_units:\s+(\d+)", said)
    assert tries is not None, said[-4000:]
    assert int(tries[1]) > 10 * SOAK_S, "too slow to say anything"
