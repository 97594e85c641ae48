"""One Chromium for all tests of the page; each person in it has a tab with cookies of their own."""

from collections.abc import Iterator

import pytest

from tests.support.chromium import started


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the browser listens."""
    with started(tmp_path_factory.mktemp("chromium")) as address:
        yield address
