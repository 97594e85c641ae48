"""History over any span: page by page, on from where it broke off, the same whatever it is written as."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from heg.cli.history_download import Series, download
from heg.web.client.faults import UnreachableError
from heg.web.client.gateway import Said
from heg.web.history_messages import SeriesPage, SeriesRow
from heg.web.messages import encode


@dataclass
class Pages:
    """A gateway with 7 rows, 3 a page; `fails` says at which asking it does not answer."""

    fails: Callable[[int], bool] = lambda _asked: False
    asked: int = 0
    cursors: list[Any] = field(default_factory=list)

    def get(self, _path: str, _type: object, *, cursor: str | None, **_query: object) -> Said[SeriesPage]:
        self.asked += 1
        self.cursors.append(cursor)
        if self.fails(self.asked):
            raise UnreachableError("it broke off")
        first = int(cursor or 0)
        rows = tuple(_row(at) for at in range(first, min(7, first + 3)))
        more = str(first + 3) if first + 3 < 7 else None
        page = SeriesPage(variable="soc", unit="", place="home/battery", rows=rows, next_cursor=more)
        return Said(page, encode(page))


def _row(at: int) -> SeriesRow:
    return SeriesRow(
        time=f"2026-01-01T00:0{at}:00Z", value=at / 10, low=None, high=None, first=None, last=None, count=1
    )


class Here:
    """The house's clock."""

    def local(self, utc: str | None) -> str:
        return str(utc)[:16]


def fetched(pages: Pages, shape: str, waited: list[float] | None = None, **options: Any) -> str:
    with io.StringIO() as out, redirect_stdout(out):
        waits = [] if waited is None else waited
        assert download(pages, Series({}, shape, **options), Here(), waits.append) == 0  # type: ignore[arg-type]
        return out.getvalue()


def test_all_pages_are_one_object_one_table_one_file(tmp_path: Path) -> None:
    whole = json.loads(fetched(Pages(), "json"))
    assert [row["value"] for row in whole["rows"]] == [at / 10 for at in range(7)]
    assert (whole["variable"], whole["next_cursor"]) == ("soc", None)
    assert len(fetched(Pages(), "table").splitlines()) == 8
    assert fetched(Pages(), "csv", output=tmp_path / "a.csv") == ""
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [at / 10 for at in range(7)]


def test_a_page_that_did_not_come_is_asked_for_again() -> None:
    waited: list[float] = []
    pages = Pages(fails=lambda asked: asked in {2, 3})
    assert len(json.loads(fetched(pages, "json", waited))["rows"]) == 7
    assert pages.cursors == [None, "3", "3", "3", "6"]
    assert waited == [0.5, 2.0]


def test_what_broke_off_goes_on_without_a_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "soc.csv"
    with pytest.raises(UnreachableError):
        fetched(Pages(fails=lambda asked: asked >= 3), "csv", output=target)
    assert "6 rows are in it; go on with: --cursor 6" in capsys.readouterr().err
    fetched(Pages(), "csv", output=target, cursor="6")
    with target.open(newline="") as file:
        assert [float(row["value"]) for row in csv.DictReader(file)] == [at / 10 for at in range(7)]


def test_interrupted_it_says_how_to_go_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(asked: int) -> bool:
        if asked == 2:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        fetched(Pages(fails=interrupted), "csv", output=tmp_path / "soc.csv")
    assert "3 rows are in it; go on with: --cursor 3" in capsys.readouterr().err


def test_a_gateway_that_repeats_its_cursor_is_not_asked_for_ever() -> None:
    class Stuck(Pages):
        def get(self, *_what: Any, **_query: Any) -> Said[SeriesPage]:
            self.asked += 1
            page = SeriesPage(variable="soc", unit="", place="", rows=(_row(0),), next_cursor="same")
            return Said(page, encode(page))

    stuck = Stuck()
    fetched(stuck, "json")
    assert stuck.asked == 2
