"""Homes and prices that somebody recorded: they lie beside the project, and nothing brings them."""

from pathlib import Path
from typing import NoReturn

import pytest

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "data"
_WHY = "needs the recordings of homes and prices: they lie beside the project, in ../shared/data"
needs_recordings = pytest.mark.skipif(not RECORDINGS.is_dir(), reason=_WHY)
"""Marks a test that goes by them."""


def skip_without_recordings() -> NoReturn:
    """Skip the running test, which has looked for them in vain."""
    pytest.skip(_WHY)
