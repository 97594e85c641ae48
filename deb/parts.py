"""Whose work a package holds: what each wheel says of itself, and the page's libraries."""

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from pathlib import Path

_SAID_ELSEWHERE = {"aiosignal": "Apache-2.0", "pyserial": "BSD-3-Clause"}
"""Where a wheel's own word is no licence expression: as its sources' headers have it."""
_TEXTS = ("LICEN", "COPYING", "NOTICE", "AUTHORS", "THIRD_PARTY")


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of others' work. `file` is its wheel, empty for what is inside another; `licence` an SPDX expression."""

    name: str
    version: str
    licence: str
    purl: str
    authors: str = ""
    file: str = ""
    sha256: str = ""
    texts: tuple[tuple[str, str], ...] = ()


def of_wheels(wheels: Iterable[Path]) -> tuple[Part, ...]:
    """Read what wheels say of themselves, each once. Raises `ValueError` for one without a licence."""
    return tuple(
        _of_wheel(path) for path in sorted({one.name: one for one in wheels}.values(), key=lambda one: one.name)
    )


def of_page(app: Path) -> tuple[Part, ...]:
    """Read what `npm` bundles into the page, from its lock: the dependencies without the builder itself."""
    asked = json.loads((app / "package.json").read_text())["dependencies"]
    locked = json.loads((app / "package-lock.json").read_text())["packages"]
    found = []
    for name in sorted(set(asked) - {"esbuild"}):
        one = locked[f"node_modules/{name}"]
        found.append(Part(name, one["version"], one["license"], f"pkg:npm/{name}@{one['version']}"))
    return tuple(found)


def texts(parts: Sequence[Part]) -> Mapping[str, str]:
    """Return each package's licence texts as one file, by the package's name."""
    found: dict[str, str] = {}
    for part in parts:
        if part.texts and part.name not in found:
            found[part.name] = "\n".join(f"== {name}\n\n{text.rstrip()}\n" for name, text in part.texts)
    return found


def _of_wheel(path: Path) -> Part:
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        inside = [name for name in names if name.count("/") == 1 and name.endswith(".dist-info/METADATA")]
        if len(inside) != 1:
            raise ValueError(f"{path.name}: expected one METADATA, found {len(inside)}")
        told = message_from_bytes(wheel.read(inside[0]))
        folder = inside[0].rpartition("/")[0] + "/"
        licences = sorted(name for name in names if name.startswith(folder) and _is_text(name))
        read = tuple((name.removeprefix(folder), wheel.read(name).decode("utf-8", "replace")) for name in licences)
    name, version = str(told["Name"]), str(told["Version"])
    return Part(
        name=name,
        version=version,
        licence=_licence(path, told),
        purl=f"pkg:pypi/{name.lower().replace('_', '-')}@{version}?file_name={path.name}",
        authors=_authors(told),
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        texts=read,
    )


def _is_text(name: str) -> bool:
    return any(word in name.rpartition("/")[2].upper() for word in _TEXTS)


def _licence(path: Path, told: Message) -> str:
    said = told["License-Expression"] or _SAID_ELSEWHERE.get(str(told["Name"]).lower()) or told["License"]
    if not said or "\n" in str(said):
        raise ValueError(f"{path.name}: expected a licence in its METADATA, as License-Expression: MIT")
    return str(said)


def _authors(told: Message) -> str:
    for name in ("Author", "Author-email", "Maintainer", "Maintainer-email"):
        if told[name]:
            return str(told[name]).encode("ascii", "replace").decode().partition("\n")[0]
    return f"the authors of {told['Name']}"
