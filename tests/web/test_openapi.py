"""The document of the API: valid, whole, and the one that is printed for readers."""

from pathlib import Path
from typing import Any

from heg.runtime.clock import Clock
from heg.web.openapi import document
from tests.support.stepped import stepped
from tests.web.endpoints_page import page, with_login
from tests.web.serving import serving

PRINTED = Path(__file__).parents[2] / "docs" / "integrators" / "endpoints.md"


@stepped
async def test_every_endpoint_is_in_the_document(clock: Clock, tmp_path: Path) -> None:
    async with with_login(clock, tmp_path) as served:
        found = document(served.web.table, "0")
        said = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
        assert said == {row.key for row in served.web.table.rows}
        ids = [one["operationId"] for methods in found["paths"].values() for one in methods.values()]
        assert len(set(ids)) == len(ids)


@stepped
async def test_every_reference_leads_somewhere(clock: Clock, tmp_path: Path) -> None:
    async with with_login(clock, tmp_path) as served:
        found = document(served.web.table, "0")
    names = set(found["components"]["schemas"])
    for reference in references(found):
        assert reference.removeprefix("#/components/schemas/") in names, reference


@stepped
async def test_it_is_served(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/openapi.json")
    assert said.json["openapi"].startswith("3.1")
    assert "/api/v1/history" in said.json["paths"]


@stepped
async def test_the_page_is_printed(clock: Clock, tmp_path: Path) -> None:
    async with with_login(clock, tmp_path) as served:
        mend = "python -m tests.web.endpoints_page > docs/integrators/endpoints.md"
        assert PRINTED.read_text() == page(served.web.table), f"print it again: {mend}"


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [one for value in node.values() for one in references(value)]
    return [one for value in node for one in references(value)] if isinstance(node, list) else []
