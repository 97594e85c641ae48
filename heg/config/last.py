"""A start without a usable file: the copy of what was in force last, so that a slip of the pen is no dark house."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from heg.config.reader import ConfigError, DriverSection, LoadedConfig, parse, read_text
from heg.config.schema import UnitSection

IN_FORCE = "heg.toml.in-force"
"""A copy of the text in force, in the unit's own folder."""
_STATE_DIR = re.compile(r"""^\s*state_dir\s*=\s*["']([^"'\n]+)["']""", re.MULTILINE)


def load_or_last(
    path: Path, known: Mapping[str, DriverSection], state_directory: str = ""
) -> tuple[LoadedConfig, ConfigError | None]:
    """Read the file; or else what was in force last, and why. Raises `ConfigError` where there is no such thing.

    `state_directory` is the service manager's word ($STATE_DIRECTORY). Without it a file that is not there at all is a
    wrong name, and refused.
    """
    try:
        return parse(read_text(path), known, path), None
    except ConfigError as error:
        if not path.exists() and not state_directory:
            raise
        for folder in _folders(path, state_directory):
            if (found := _in_force(path, known, folder)) is not None:
                return found, error
        raise


def _folders(path: Path, state_directory: str) -> Iterator[Path]:
    if state_directory:
        yield Path(state_directory.split(":", maxsplit=1)[0])
    try:
        text = path.read_bytes()[:1_000_000].decode("utf-8", "replace")
    except OSError:
        text = ""
    yield from (Path(folder) for folder in _STATE_DIR.findall(text))
    yield Path(UnitSection().state_dir)


def _in_force(path: Path, known: Mapping[str, DriverSection], folder: Path) -> LoadedConfig | None:
    """A copy counts only in the folder of the unit that it speaks of."""
    try:
        found = parse(read_text(folder / IN_FORCE), known, path)
    except ConfigError:
        return None
    return found if Path(found.unit.unit.state_dir).absolute() == folder.absolute() else None
