"""What a package tells of itself under /usr/share/doc: documentation, changes, licences, list of parts (SBOM)."""

import gzip
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

from deb.parts import Part, texts

MAINTAINER = "The heg authors <heg@localhost>"
_COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: heg

Files: *
Copyright: {year} the heg authors
License: GPL-3+
 On Debian systems the text is in /usr/share/common-licenses/GPL-3.
"""


def lay_out(root: Path, folder: Path, version: str, epoch_s: int, parts: Sequence[Part]) -> None:
    """Write everything into `folder`; the same sources give the same bytes."""
    shutil.copytree(root / "docs", folder, ignore=shutil.ignore_patterns(".*"))
    _packed(folder / "CHANGELOG.md.gz", (root / "CHANGELOG.md").read_bytes())
    _packed(folder / "changelog.gz", _changelog(version, epoch_s).encode())
    (folder / "copyright").write_text(_copyright(epoch_s, parts))
    (folder / "sbom.cdx.json").write_text(sbom(version, epoch_s, parts))
    (folder / "licences").mkdir()
    for name, text in texts(parts).items():
        (folder / "licences" / f"{name}.txt").write_text(text)


def sbom(version: str, epoch_s: int, parts: Sequence[Part]) -> str:
    """Return the list of parts as CycloneDX 1.6: names, versions, sums, licences."""
    at = datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    whole = {"type": "application", "bom-ref": "heg", "name": "heg", "version": version}
    found = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"timestamp": at, "component": {**whole, "licenses": [{"expression": "GPL-3.0-or-later"}]}},
        "components": [_component(part) for part in parts],
        "dependencies": [{"ref": "heg", "dependsOn": [part.purl for part in parts]}],
    }
    return json.dumps(found, indent=1) + "\n"


def _component(part: Part) -> dict[str, object]:
    one: dict[str, object] = {
        "type": "library",
        "bom-ref": part.purl,
        "name": part.name,
        "version": part.version,
        "licenses": [{"expression": part.licence}],
        "purl": part.purl,
    }
    if part.sha256:
        one["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    return one


def _copyright(epoch_s: int, parts: Sequence[Part]) -> str:
    stanzas = [_COPYRIGHT.format(year=datetime.fromtimestamp(epoch_s, UTC).year)]
    for part in parts:
        if not part.file:
            where = "The page that heg-*.whl holds is made with it; the text is beside the page (licences.txt)."
        elif part.texts:
            where = f"The text is in /usr/share/doc/heg/licences/{part.name}.txt"
        else:
            where = "The wheel holds no text of it; its sources name it."
        files = part.file or "heg-*.whl"
        authors = part.authors or f"the authors of {part.name}"
        stanzas.append(
            f"Files: usr/lib/heg/wheels/{files}\nCopyright: {authors}\nLicense: {part.licence}\n {where}\n"
            f"Comment: {part.name} {part.version}\n"
        )
    return "\n".join(stanzas)


def _changelog(version: str, epoch_s: int) -> str:
    at = format_datetime(datetime.fromtimestamp(epoch_s, UTC))
    entry = "  * What is new: CHANGELOG.md.gz beside this file."
    return f"heg ({version}) stable; urgency=medium\n\n{entry}\n\n -- {MAINTAINER}  {at}\n"


def _packed(target: Path, content: bytes) -> None:
    target.write_bytes(gzip.compress(content, 9, mtime=0))
