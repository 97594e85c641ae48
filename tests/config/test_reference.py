"""The configuration's page is what the file is checked by."""

from __future__ import annotations

from pathlib import Path

import msgspec

from heg.config.reference import page
from heg.devices.installed import installed_drivers

PAGE = Path(__file__).parents[2] / "docs" / "users" / "configuration.md"
MEND = (
    "python -c 'from heg.config.reference import page; from heg.devices.installed import installed_drivers;"
    ' print(page(installed_drivers().config_types()), end="")\' > docs/users/configuration.md'
)


class Line(msgspec.Struct):
    """One serial line."""

    port: str


class Bus(msgspec.Struct):
    """Where to look."""

    hosts: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()


def test_the_page_is_printed_from_the_types() -> None:
    assert PAGE.read_text() == page(installed_drivers().config_types()), f"print it again: {MEND}"


def test_a_drivers_sections_follow_those_of_the_unit() -> None:
    _, _, text = page({"bus": Bus}).partition("## `[bus]`\n")
    assert text.split("\n") == [
        "",
        "Where to look.",
        "",
        "| key | default | expected |",
        "| --- | --- | --- |",
        "| `hosts` | `[]` | a list, each a text in quotes |",
        "",
        "## `[[bus.lines]]`",
        "",
        "One serial line.",
        "",
        "| key | default | expected |",
        "| --- | --- | --- |",
        "| `port` | required | a text in quotes |",
        "",
    ]
