"""Programs that nobody here wrote and that tests talk to: where they are, and the skip that names what is missing.

`./dev test` brings every one of them (function `test_needs`), `./dev soak` what only the soak asks for (`soak_needs`):
Debian's packages where it is root on Debian, the others where their registry can be reached.
"""

import functools
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "peers"
SYSTEM_PYTHON = "/usr/bin/python3"
"""The Python that Debian's packages for Python belong to."""
BESIDE = Path(__file__).parents[2] / ".cache"
"""What is brought beside the environment, whose packages stay what they are."""
SOAK = "./dev soak"
_SUITE = "./dev test"
_UNPACKED = BESIDE / "unpacked"
_BINS = ("bin", "sbin")
_GUPNP = "import gi; gi.require_version('GUPnP', '1.6'); from gi.repository import GUPnP"


def program(name: str) -> str | None:
    """Path of a program: the machine's, or one that `./dev test` has unpacked and not installed; None without it."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *(str(_UNPACKED / "usr" / one) for one in _BINS)]
    return shutil.which(name, path=os.pathsep.join(places))


def needs(*programs: str, by: str = _SUITE) -> pytest.MarkDecorator:
    """Mark a test that talks to these programs; it is skipped where one is missing. `by` is the command that brings."""
    return unless(*(name for name in programs if program(name) is None), by=by)


def needs_beside(name: str, by: str = _SUITE) -> pytest.MarkDecorator:
    """Mark a test that asks a program of Python with packages of its own."""
    return unless(*(() if (BESIDE / name / name).is_dir() else (name,)), by=by)


def needs_gupnp() -> pytest.MarkDecorator:
    """Mark a test whose peer is written for GUPnP and run by the system's Python."""
    return unless(*(() if _imports(_GUPNP) else ("gir1.2-gupnp-1.6 and python3-gi",)))


def needs_libupnp() -> pytest.MarkDecorator:
    """Mark a test whose peer is built on libupnp."""
    return unless(*(() if _libupnp_flags() else ("gcc, pkg-config and libupnp-dev",)))


def unless(*missing: str, by: str = _SUITE) -> pytest.MarkDecorator:
    """Mark a test that is skipped where something is missing, with the reason."""
    return pytest.mark.skipif(bool(missing), reason=_reason(missing, by))


def demand(*programs: str, by: str = _SUITE) -> None:
    """Skip the running test where one of these programs is missing."""
    skip_without(*(name for name in programs if program(name) is None), by=by)


def demand_dbusmock() -> None:
    """Skip it without python-dbusmock's logind and a bus for it."""
    bus = () if program("dbus-daemon") else ("dbus",)
    skip_without(*bus, *(() if _imports("import dbusmock") else ("dbusmock",)))


def skip_without(*missing: str, by: str = _SUITE) -> None:
    """Skip the running test where something is missing, with the reason."""
    if missing:
        pytest.skip(_reason(missing, by))


def _reason(missing: Sequence[str], by: str) -> str:
    return f"needs {', '.join(missing)}: {by} brings it where it can (packages of Debian: as root)"


def demand_nft(*programs: str) -> None:
    """Skip it where nobody may load nftables' rules in a namespace of its own, or one of these programs is missing."""
    demand("nft", "unshare", *programs)
    if _fails("unshare", "-rn", str(program("nft")), "list", "ruleset"):
        pytest.skip("needs network namespaces with nftables: this machine refuses them")


def built_on_libupnp(source: Path, target: Path) -> Path:
    """Build a program on libupnp; returns `target`."""
    command = ["gcc", "-Wall", "-O1", "-o", str(target), str(source), *_libupnp_flags()]
    subprocess.run(command, check=True, capture_output=True)
    return target


@functools.cache
def _imports(code: str) -> bool:
    return Path(SYSTEM_PYTHON).exists() and not _fails(SYSTEM_PYTHON, "-c", code)


@functools.cache
def _libupnp_flags() -> tuple[str, ...]:
    """What a compiler is told to build on it; empty where it is not here."""
    if shutil.which("gcc") is None or shutil.which("pkg-config") is None:
        return ()
    asked = ["pkg-config", "--cflags", "--libs", "libupnp"]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    return tuple(said.stdout.split()) if said.returncode == 0 else ()


@functools.cache
def _fails(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode != 0
