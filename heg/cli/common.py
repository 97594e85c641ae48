"""What several commands need: the configuration they were given, and JSON as an option."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.ends import BAD_CONFIG, CommandError

if TYPE_CHECKING:
    import argparse

    from heg.config.reader import LoadedConfig
    from heg.devices.installed import InstalledDrivers


def with_config(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a command be told its configuration."""
    command.add_argument(
        "--config", type=Path, default=default_config(), metavar="FILE", help="default: $HEG_CONFIG, or heg.toml"
    )
    return command


def default_config() -> Path:
    """Return the configuration that is meant where none is named."""
    return Path(os.environ.get("HEG_CONFIG", "heg.toml"))


def with_json(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a command answer in JSON, alone on standard output."""
    command.add_argument("--json", action="store_true", help="JSON on standard output")
    return command


def drivers() -> InstalledDrivers:
    """Return the drivers that are installed beside this program."""
    from heg.devices.installed import installed_drivers

    return installed_drivers()


def load_config(path: Path, installed: InstalledDrivers, *, or_last: bool = False) -> LoadedConfig:
    """Read and check a configuration. Raises `CommandError` that names all that is wrong with it.

    With `or_last` what was in force last stands in for a file that cannot be used, and standard error says so.
    """
    from heg.config.last import load_or_last
    from heg.config.reader import ConfigError, load

    try:
        if not or_last:
            return load(path, installed.specs)
        loaded, damage = load_or_last(path, installed.specs, os.environ.get("STATE_DIRECTORY", ""))
        if damage is not None:
            print(
                f"{damage}\n{path}: cannot be used; going on with what was in force last", file=sys.stderr, flush=True
            )
        return loaded
    except ConfigError as error:
        # A driver that cannot be imported makes its own section unknown: its fault explains more than the file's.
        why = [text for name, text in installed.faults.items() if f"[{name}]" in str(error)]
        raise CommandError(BAD_CONFIG, "\n".join((str(error), *why))) from error


def table(rows: Sequence[Sequence[str]]) -> str:
    """Set rows in columns as wide as their widest cell."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
