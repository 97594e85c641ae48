"""The recorded home of the demo: fetched once from the Python registry, checked, cached - never part of the project.

The `citylearn` 1.8.0 wheel (MIT) is downloaded without its dependencies by the registry's ordinary client; its hash
is pinned; one building's file, the prices, the CO2 and the licence are kept in the user's cache folder. Without a
network a generated home stands in, and says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

from hil.replay.generated import generated_home
from hil.replay.prices import generated_prices, read_citylearn_prices
from hil.replay.recording import Recording, RecordingError, read_citylearn

logger = logging.getLogger(__name__)

PACKAGE = "citylearn==1.8.0"
WHEEL_SHA256 = "cde0cdf53ace908cba41c237335d91bc1434e54deaf6086047e4cf7589c0067b"
_FOLDER = "citylearn/data/citylearn_challenge_2022_phase_all"
_LICENCE = "CityLearn-1.8.0.dist-info/LICENSE"
_FETCH_LIMIT_S = 60.0
_MOST_BYTES = 4_000_000


class FetchError(RuntimeError):
    """The recorded home could not be had; says why."""


def default_cache() -> Path:
    """The user's cache folder for the rig's data (XDG_CACHE_HOME, otherwise ~/.cache)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "heg-rig"


def recorded_home(*, cache: Path | None = None, home: int = 1, pv_kwp: float = 5.0, offline: bool = False) -> Recording:
    """The recorded home, from the cache or the registry; a generated one when neither has it (logged)."""
    folder = cache or default_cache()
    try:
        files = _cached(folder, home) or _fetched(folder, home, offline=offline)
        recording = read_citylearn(files.home, home=f"home {home}", pv_kwp=pv_kwp)
    except (FetchError, RecordingError, OSError) as error:
        logger.warning("no recorded home: %s; a generated home stands in", error)
        return generated_home(pv_kwp=pv_kwp)
    try:
        return replace(recording, prices=read_citylearn_prices(files.pricing, files.carbon))
    except ValueError as error:
        logger.warning("no recorded prices: %s; generated ones stand in", error)
        return replace(recording, prices=generated_prices(recording.production_kw, pv_kwp=pv_kwp))


@dataclass(frozen=True, slots=True)
class HomeFiles:
    """The texts of what is kept of the wheel: a home's load and sun, the prices, the CO2 of grid energy."""

    home: str
    pricing: str
    carbon: str


def _cached(folder: Path, home: int) -> HomeFiles | None:
    paths = [folder / kept for kept in _kept(home)]
    if not all(path.is_file() for path in paths):
        return None
    return HomeFiles(*(path.read_text(encoding="utf-8") for path in paths))


def _fetched(folder: Path, home: int, *, offline: bool) -> HomeFiles:
    if offline:
        raise FetchError("no cached copy, and fetching was not asked for")
    logger.info("fetching the recorded home (%s, 15 MB, once)", PACKAGE)
    with tempfile.TemporaryDirectory(prefix="heg-rig-") as scratch:
        _download(Path(scratch))
        wheels = list(Path(scratch).glob("*.whl"))
        if len(wheels) != 1:
            raise FetchError(f"expected one wheel of {PACKAGE}, found {len(wheels)}")
        return unpack(wheels[0], folder, home)


def unpack(wheel: Path, folder: Path, home: int, *, expected_sha256: str = WHEEL_SHA256) -> HomeFiles:
    """Check a wheel against its pinned hash and keep one building's files with the licence; the files' texts."""
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != expected_sha256:
        raise FetchError(f"{wheel.name}: expected sha256 {expected_sha256}, found {digest}: not used")
    with zipfile.ZipFile(wheel) as archive:
        data = [_member(archive, wheel.name, home, name) for name in _members(home)]
        licence = archive.read(_LICENCE)
    folder.mkdir(parents=True, exist_ok=True)
    _put(folder / "LICENSE-citylearn", licence)
    for name, content in zip(_kept(home), data, strict=True):
        _put(folder / name, content)
    return HomeFiles(*(content.decode("utf-8") for content in data))


def _member(archive: zipfile.ZipFile, wheel: str, home: int, name: str) -> bytes:
    try:
        member = archive.getinfo(f"{_FOLDER}/{name}")
    except KeyError:
        raise FetchError(f"{wheel} has no home {home} ({name}): expected 1 to 17") from None
    if member.file_size > _MOST_BYTES:
        raise FetchError(f"{member.filename}: expected at most {_MOST_BYTES} bytes, found {member.file_size}")
    return archive.read(member)


def _put(path: Path, data: bytes) -> None:
    """Write whole or not at all: a run that is stopped must not leave half a recording in the cache."""
    partial = path.with_suffix(path.suffix + f".{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)


def _members(home: int) -> tuple[str, ...]:
    """The files of the data set, in the order of `HomeFiles`."""
    return f"Building_{home}.csv", "pricing.csv", "carbon_intensity.csv"


def _kept(home: int) -> tuple[str, ...]:
    """Their names in the cache."""
    return tuple(f"citylearn-1.8.0-2022-{name}.csv" for name in (f"home-{home}", "pricing", "carbon-intensity"))


def _download(folder: Path) -> None:
    if importlib.util.find_spec("pip") is None:
        raise FetchError("this Python has no pip; `python -m ensurepip` brings it")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--quiet"]
    command += ["--disable-pip-version-check", "--retries", "1", "--timeout", "10", "--dest", str(folder), PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FETCH_LIMIT_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"pip download {PACKAGE}: {error}") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise FetchError(f"pip download {PACKAGE} failed: {said[-1][:200] if said else 'no reason given'}")
