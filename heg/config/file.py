"""The configuration's file: replaced whole or not at all, its owner and rights kept."""

import contextlib
import os
from pathlib import Path

_RIGHTS = 0o640


def replace_text(path: Path, text: str) -> None:
    """Put a text in the file's place, durable when this returns; a power cut leaves the old text or the new. `OSError`.

    The file keeps its owner and rights; a new one is its owner's and group's only. Behind a symbolic link it is the
    file itself that is replaced.
    """
    path = path.resolve()
    try:
        status: os.stat_result | None = path.stat()
    except FileNotFoundError:
        status = None
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)  # of a cut in the middle; O_EXCL below follows nobody's link
    try:
        descriptor = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            if status is not None and (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                with contextlib.suppress(PermissionError):  # not ours to give away: it stays readable to us
                    os.fchown(file.fileno(), status.st_uid, status.st_gid)
            os.fchmod(file.fileno(), _RIGHTS if status is None else status.st_mode & 0o777)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
