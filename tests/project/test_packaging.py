"""The lock is whole, names no machine, and holds what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()


def locked() -> dict[str, Requirement]:
    lines = re.findall(r"^([a-z0-9].*?) \\$", LOCK, flags=re.MULTILINE)
    return {canonicalize_name(requirement.name): requirement for requirement in map(Requirement, lines)}


def test_what_pyproject_asks_for_is_locked_in_that_range() -> None:
    asked = [*PROJECT["dependencies"], *(text for extra in PROJECT["optional-dependencies"].values() for text in extra)]
    pins = locked()
    for requirement in map(Requirement, asked):
        [pin] = pins[canonicalize_name(requirement.name)].specifier
        assert pin.operator == "=="
        assert requirement.specifier.contains(pin.version), f"{requirement} is locked to {pin.version}: ./dev lock"


def test_every_package_has_hashes() -> None:
    for block in re.split(r"\n(?=[a-z0-9])", LOCK)[1:]:
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_lock_names_no_host_and_no_path() -> None:
    assert not re.search(r"https?:|file:|--index-url|--extra-index-url|--find-links| @ |(^|\s)/", LOCK)
