"""Log lines: one per event, fields beside the message, nothing forged."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from heg.runtime.logs import LogForm, configure
from tests.support.stepped import START_UTC


@pytest.fixture(autouse=True)
def untouched_root() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def logged(form: LogForm, level: str = "info") -> io.StringIO:
    stream = io.StringIO()
    configure(level, form, utc=lambda: START_UTC, stream=stream)
    return stream


def test_json_lines_carry_time_level_fields_and_trace() -> None:
    stream = logged("json")
    try:
        raise ValueError("no\nbus")
    except ValueError:
        logging.getLogger("heg.x").exception("lease %s", "taken", extra={"actuator": "battery"})
    (line,) = stream.getvalue().splitlines()
    entry = json.loads(line)
    assert entry["trace"].endswith("ValueError: no\nbus")
    assert {key: entry[key] for key in ("time", "level", "logger", "message", "actuator")} == {
        "time": "2026-03-01T00:00:00.000+00:00",
        "level": "error",
        "logger": "heg.x",
        "message": "lease taken",
        "actuator": "battery",
    }


def test_text_lines_cannot_be_forged_by_what_came_from_outside() -> None:
    stream = logged("text")
    logging.getLogger("heg.x").info("device says %s", "a\n2026 error fake", extra={"maker": "A B", "kw": 1.5})
    assert stream.getvalue() == (
        '2026-03-01T00:00:00.000+00:00 info heg.x: device says a\\n2026 error fake maker="A B" kw=1.5\n'
    )


def test_a_traceback_stays_indented_below_its_line() -> None:
    stream = logged("text")
    try:
        raise ValueError("a\nb")
    except ValueError:
        logging.getLogger("heg.x").exception("failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("heg.x: failed")
    assert all(line.startswith("    ") for line in lines[1:])


def test_what_is_below_the_level_is_not_written() -> None:
    stream = logged("text", "warning")
    logging.getLogger("heg.x").info("quiet")
    assert stream.getvalue() == ""
