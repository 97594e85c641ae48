"""Drawings of plans and studies, as PNG or SVG: what every one of them shares.

matplotlib is an extra (`plots`), loaded only when something is drawn, and used without its global state. Equal figures
are written as equal SVG files.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg")
DOTS_PER_INCH = 110.0


class DrawingError(Exception):
    """Nothing can be drawn; the text says what was expected and how to mend it."""


def checked_target(path: Path) -> Path:
    """Return `path` if a drawing can be written there, before any work is done. Raises `DrawingError`."""
    if path.suffix.lower().lstrip(".") not in FORMATS:
        raise DrawingError(f"{path}: expected a file name that ends in .png or .svg")
    if not path.absolute().parent.is_dir():
        raise DrawingError(f"{path}: expected a folder that exists: {path.absolute().parent}")
    _needed()
    return path


def new_figure(width_inch: float = 11.0, height_inch: float = 8.0) -> Figure:
    """Return an empty figure that belongs to no window. Raises `DrawingError` where matplotlib is not installed."""
    _needed()
    from matplotlib.figure import Figure

    return Figure(figsize=(width_inch, height_inch), dpi=DOTS_PER_INCH, layout="constrained")


def save(figure: Figure, path: Path) -> None:
    """Write the figure in the format that the file's name ends in. Raises `DrawingError`."""
    from matplotlib import rc_context

    form = checked_target(path).suffix.lower().lstrip(".")
    # Neither a date nor random names in the file; its text stays text.
    with rc_context({"svg.hashsalt": "heg", "svg.fonttype": "none"}):
        try:
            figure.savefig(path, format=form, metadata={"Date": None} if form == "svg" else None)
        except OSError as error:
            raise DrawingError(f"{path}: expected a file that can be written ({error.strerror})") from error


def _needed() -> None:
    try:
        import matplotlib  # noqa: F401 - is it here?
    except ImportError as error:
        raise DrawingError(
            f"drawing needs matplotlib, which is not installed here ({error}): pip install 'heg[plots]'"
        ) from error
