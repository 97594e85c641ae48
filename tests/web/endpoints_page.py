"""Prints docs/integrators/endpoints.md from the rows of a gateway with everything switched on."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from heg.runtime.clock import Clock
from heg.web.endpoint import Endpoint, Table
from tests.support.stepped import run_stepped
from tests.web.accounts.gateway import desk_in
from tests.web.serving import Served, serving

_HEAD = """\
# Endpoints

Printed from the declared rows (`heg/web`, `endpoints()`). Each gateway serves its own description, with the types of
all that goes in and out, as OpenAPI 3.1 at `/api/v1/openapi.json`; [the API in words](api.md). What a permission
allows: [roles](../users/accounts.md).

| endpoint | needs | what for |
| --- | --- | --- |
"""


@asynccontextmanager
async def with_login(clock: Clock, folder: Path) -> AsyncIterator[Served]:
    """A gateway with everything switched on."""
    async with desk_in(folder, clock) as desk, serving(clock, desk=desk) as served:
        yield served


def page(table: Table) -> str:
    """The page as Markdown."""
    rows = sorted(table.rows, key=lambda row: (row.path, row.method))
    return _HEAD + "".join(map(_line, rows))


def _line(row: Endpoint) -> str:
    fresh = ", the password just given" if row.fresh else ""
    return f"| `{row.method} {row.path}` | {str(row.needs).replace('_', ' ')}{fresh} | {row.summary} |\n"


async def _print(clock: Clock) -> None:
    with TemporaryDirectory() as folder:
        async with with_login(clock, Path(folder)) as served:
            sys.stdout.write(page(served.web.table))


if __name__ == "__main__":
    run_stepped(_print)
