"""The page's files, read once into memory: what was built by esbuild, and nothing from anywhere else."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

TYPES: Mapping[str, str] = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".txt": "text/plain; charset=utf-8",
}
NOT_BUILT = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>heg</title>"
    "<h1>The page is not built</h1><p>The gateway runs. Its page is built with npm: stop it, run "
    "<code>./dev run</code> (or <code>npm ci &amp;&amp; npm run build</code> in heg/web/app), and start again.</p>"
    "<p>The numbers are there all the same: <a href=/api/v1/state>/api/v1/state</a>, "
    "<a href=/healthz>/healthz</a>, <a href=/metrics>/metrics</a>.</p></html>"
)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    content_type: str
    etag: str


def load_assets(folder: Path | None = None) -> Mapping[str, Asset]:
    """Read the built page by path (`/`, `/app.js` ...); without a built page `/` says how to build it."""
    place = folder if folder is not None else Path(__file__).parent / "static" / "dist"
    found = {f"/{file.name}": _asset(file) for file in _files(place)}
    index = found.pop("/index.html", None)
    found["/"] = index if index is not None else Asset(NOT_BUILT.encode(), TYPES[".html"], '"not-built"')
    return found


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return [file for file in place.iterdir() if file.is_file() and _suffix(file.name) in TYPES]


def _suffix(name: str) -> str:
    return name[name.rfind(".") :] if "." in name else ""


def _asset(file: Path) -> Asset:
    body = file.read_bytes()
    return Asset(body, TYPES[_suffix(file.name)], f'"{hashlib.sha256(body).hexdigest()[:20]}"')
