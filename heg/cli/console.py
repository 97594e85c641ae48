"""The unit's folder as commands of its console find it, beside a running gateway or without one."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.ends import FAILED, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from heg.config.reader import LoadedConfig


def folder_of(loaded: LoadedConfig) -> Path:
    """Return the folder of a configuration. Raises `CommandError` where no gateway has made it yet."""
    folder = Path(loaded.unit.unit.state_dir)
    if not folder.is_dir():
        text = f"{loaded.path.name}: [unit] state_dir: {folder} is not there yet: start the gateway once (heg run)"
        raise CommandError(FAILED, text)
    return folder


@contextmanager
def as_owner_of(folder: Path) -> Iterator[Path]:
    """As root, be the folder's owner meanwhile: a file of root's would lock the gateway out of its own accounts."""
    status = folder.stat()
    if os.geteuid() != 0 or status.st_uid == 0:
        yield folder
        return
    group = os.getegid()
    os.setegid(status.st_gid)
    os.seteuid(status.st_uid)
    try:
        yield folder
    finally:
        os.seteuid(0)
        os.setegid(group)
