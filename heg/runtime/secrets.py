"""Secrets stand in the configuration only by reference; the value never shows in a repr, a log or an error."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

LARGEST_SECRET_BYTES = 65_536


class SecretReference(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a secret lies: exactly one of a file, an environment variable, a systemd credential."""

    HIDDEN: ClassVar[bool] = True
    """What stands in its place is shown by no error: it may be the secret itself."""

    file: str = ""
    env: str = ""
    credential: str = ""

    def __post_init__(self) -> None:
        """Refuse none, or more than one."""
        if sum(bool(given) for given in (self.file, self.env, self.credential)) != 1:
            message = 'expected exactly one of file = "...", env = "...", credential = "..."'
            raise ValueError(message)


class Secret:
    """A secret value; only `reveal()` shows it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, for the one who must use it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    __str__ = __repr__


class SecretError(Exception):
    """A referenced secret can't be had; the message names the reference, never the value."""


def resolve(reference: SecretReference) -> Secret:
    """Fetch a secret. Raises `SecretError` when it is missing, too large, or its file can be read by everybody."""
    if reference.env:
        value = os.environ.get(reference.env)
        if value is None:
            message = f"environment variable {reference.env}: expected it to be set"
            raise SecretError(message)
        return Secret(value)
    if reference.credential:
        folder = os.environ.get("CREDENTIALS_DIRECTORY")
        if folder is None or Path(reference.credential).name != reference.credential:
            message = (
                f"credential {reference.credential}: expected LoadCredential= of that name in the service's unit file"
            )
            raise SecretError(message)
        return _from_file(Path(folder) / reference.credential)
    return _from_file(Path(reference.file))


def _from_file(path: Path) -> Secret:
    try:
        status = path.stat()
        if status.st_mode & stat.S_IROTH:
            message = f"{path}: expected a file that not everybody can read; mend with: chmod o-rwx {path}"
            raise SecretError(message)
        if status.st_size > LARGEST_SECRET_BYTES:
            message = f"{path}: expected at most {LARGEST_SECRET_BYTES} bytes"
            raise SecretError(message)
        return Secret(path.read_text(encoding="utf-8").strip())
    except OSError as error:
        message = f"{path}: expected a readable file ({error.strerror})"
        raise SecretError(message) from error


def missing_secrets(section: object) -> Iterator[str]:
    """Name every secret a section refers to, at any depth, that cannot be had now."""
    if isinstance(section, SecretReference):
        try:
            resolve(section)
        except SecretError as error:
            yield str(error)
    elif isinstance(section, msgspec.Struct):
        for field in msgspec.structs.fields(section):
            yield from missing_secrets(getattr(section, field.name))
    elif isinstance(section, list | tuple):
        for item in section:
            yield from missing_secrets(item)
    elif isinstance(section, dict):
        yield from missing_secrets(tuple(section.values()))
