"""Programs that the tests compare with: brought beside the environment by `./dev test` (group oracle of pyproject)."""

import importlib
import sys
from types import ModuleType

from tests.support.peers import BESIDE, skip_without

_FOLDER = BESIDE / "oracle"


def peer(name: str) -> ModuleType:
    """Import one of them; the test is skipped where it is not. What the environment has itself, it keeps."""
    if _FOLDER.is_dir() and str(_FOLDER) not in sys.path:
        sys.path.append(str(_FOLDER))
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        skip_without(name)
        raise
