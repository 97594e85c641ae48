"""Programs that nobody here wrote and that tests talk to: where they are, and the skip that names what is missing.

`./dev test` brings every one of them (function `test_needs`), where it is root on Debian.
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
_UNPACKED = Path(__file__).parents[2] / ".cache" / "unpacked"
_BINS = ("bin", "sbin")
_GUPNP = "import gi; gi.require_version('GUPnP', '1.6'); from gi.repository import GUPnP"


def program(name: str) -> str | None:
    """Path of a program: the machine's, or one that `./dev test` has unpacked and not installed; None without it."""
    places = [os.environ.get("PATH", ""), "/usr/sbin", "/sbin", *(str(_UNPACKED / "usr" / one) for one in _BINS)]
    return shutil.which(name, path=os.pathsep.join(places))


def needs(*programs: str) -> pytest.MarkDecorator:
    """Mark a test that talks to these programs; it is skipped where one is missing."""
    return _unless(*(name for name in programs if program(name) is None))


def needs_gupnp() -> pytest.MarkDecorator:
    """Mark a test whose peer is written for GUPnP and run by the system's Python."""
    return _unless(*(() if _imports(_GUPNP) else ("gir1.2-gupnp-1.6 and python3-gi",)))


def needs_libupnp() -> pytest.MarkDecorator:
    """Mark a test whose peer is built on libupnp."""
    return _unless(*(() if _libupnp_flags() else ("gcc, pkg-config and libupnp-dev",)))


def demand(*programs: str) -> None:
    """Skip the running test where one of these programs is missing."""
    _demand([name for name in programs if program(name) is None])


def demand_dbusmock() -> None:
    """Skip it without python-dbusmock's logind and a bus for it."""
    _demand([*([] if program("dbus-daemon") else ["dbus"]), *([] if _imports("import dbusmock") else ["dbusmock"])])


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


def _unless(*missing: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(bool(missing), reason=_reason(missing))


def _demand(missing: Sequence[str]) -> None:
    if missing:
        pytest.skip(_reason(missing))


def _reason(missing: Sequence[str]) -> str:
    return f"needs {', '.join(missing)}: ./dev test brings it where it is root on Debian"


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
