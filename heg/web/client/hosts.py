"""What this user knows of gateways: by which key each is recognised, and the token it was given.

One file, `~/.config/heg/hosts.toml`, for its user alone, like ssh's known_hosts with keys in it.
"""

import fcntl
import json
import os
import stat
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from heg.runtime.secrets import Secret
from heg.web.client.address import Address
from heg.web.client.trust import Pin, parse_pin

_HEAD = "# What heg knows of gateways. It holds keys: for nobody else's eyes.\n"
_LARGEST_BYTES = 1_000_000


class HostsError(Exception):
    """The file cannot be used; the text names it and says how to mend it."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A gateway as the file has it."""

    key: str = ""
    name: str = ""
    token: str = ""
    session: str = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one gateway: its key, as whom this user is logged in, with a token or else a session."""

    key: str = ""
    name: str = ""
    token: Secret | None = None
    session: Secret | None = None

    @property
    def pin(self) -> Pin | None:
        """The key by which it is recognised."""
        return parse_pin(self.key) if self.key else None

    def without_login(self) -> "Known":
        """Return the gateway alone."""
        return Known(key=self.key)


class Hosts:
    """The file. What is changed is written whole, durably, and readable by its user alone."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def of_user(cls, environment: Mapping[str, str]) -> "Hosts":
        """Return that of whoever runs this, by $XDG_CONFIG_HOME or in ~/.config."""
        folder = environment.get("XDG_CONFIG_HOME", "")
        base = Path(folder) if folder.startswith("/") else Path.home() / ".config"
        return cls(base / "heg" / "hosts.toml")

    def known(self, address: Address) -> Known:
        """Return what is known of a gateway. Raises `HostsError`."""
        entry = self._read().get(str(address), Entry())
        return Known(
            key=entry.key,
            name=entry.name,
            token=Secret(entry.token) if entry.token else None,
            session=Secret(entry.session) if entry.session else None,
        )

    def keep(self, address: Address, known: Known) -> None:
        """Keep what is known of a gateway from now on; nothing: forget it. Raises `HostsError`."""
        entry = Entry(
            key=known.key,
            name=known.name,
            token=known.token.reveal() if known.token else "",
            session=known.session.reveal() if known.session else "",
        )
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with _alone(self.path.parent):
                entries = {**self._read(), str(address): entry}
                self._write({name: one for name, one in entries.items() if one != Entry()})
        except OSError as error:
            raise HostsError(f"{self.path}: expected a file that can be written ({error.strerror})") from error

    def keep_key(self, address: Address, key: str) -> None:
        """Recognise a gateway by this key from now on. Raises `HostsError`."""
        self.keep(address, replace(self.known(address), key=key))

    def _read(self) -> dict[str, Entry]:
        try:
            with self.path.open("rb") as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(_LARGEST_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise HostsError(f"{self.path}: expected a file that can be read ({error.strerror})") from error
        if mode & 0o077:
            mend = f"chmod 600 {self.path}; and log in anew if others could have read it"
            raise HostsError(f"{self.path}: expected a file that nobody else can read; mend with: {mend}")
        try:
            entries = msgspec.convert(tomllib.loads(text[:_LARGEST_BYTES].decode()), dict[str, Entry])
            for name, entry in entries.items():
                _check(name, entry)
        except (ValueError, tomllib.TOMLDecodeError):
            # The library's words could repeat a key.
            expected = "gateways as heg login writes them"
            raise HostsError(f"{self.path}: expected {expected}; move it away and log in anew") from None
        return entries

    def _write(self, entries: Mapping[str, Entry]) -> None:
        number, name = tempfile.mkstemp(dir=self.path.parent, prefix=".hosts-")  # mode 600 from its first moment
        try:
            with os.fdopen(number, "w", encoding="utf-8") as file:
                file.write(_HEAD + "".join(_lines(entries)))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _check(name: str, entry: Entry) -> None:
    if entry.key:
        parse_pin(entry.key)
    if not all(part.isascii() and part.isprintable() for part in (name, entry.token, entry.session)):
        raise ValueError("expected plain text")


def _lines(entries: Mapping[str, Entry]) -> Iterator[str]:
    for name, entry in sorted(entries.items()):
        yield f"\n[{_quoted(name)}]\n"
        for field, value in msgspec.structs.asdict(entry).items():
            if value:
                yield f"{field} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's with the one character that TOML forbids and JSON does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else of this user changes the file meanwhile."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
