"""A gateway's folders that belong to another user than the one who runs the tests."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone may become another user")


@contextmanager
def anothers_house() -> Iterator[tuple[Path, Path]]:
    """The configuration, and the state folder that is the other user's."""
    with tempfile.TemporaryDirectory() as open_folder:
        Path(open_folder).chmod(0o755)
        state = Path(open_folder) / "state"
        state.mkdir(0o750)
        os.chown(state, USER, USER)
        config = Path(open_folder) / "heg.toml"
        config.write_text(f'[unit]\nstate_dir = "{state}"\n')
        yield config, state
