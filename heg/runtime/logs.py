"""Structured logs: one line on standard error per event, as JSON for machines or as key=value for people.

Fields go beside the message: `logger.info("lease taken", extra={"actuator": "battery"})`. Secrets never get here: they
are of a type whose text hides them (`heg.runtime.secrets.Secret`).
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal, TextIO

LogForm = Literal["json", "text"]
Utc = Callable[[], datetime]

_STANDARD_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure(level: str, form: LogForm, *, utc: Utc | None = None, stream: TextIO | None = None) -> None:
    """Send all logs to `stream` (standard error); `utc` gives the time they carry (the machine's)."""
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines(utc) if form == "json" else TextLines(utc))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())


class _Lines(logging.Formatter):
    def __init__(self, utc: Utc | None = None) -> None:
        super().__init__()
        self._utc = utc

    def _time(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC) if self._utc is None else self._utc()
        return moment.isoformat(timespec="milliseconds")

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] is not None else ""


class JsonLines(_Lines):
    """One JSON object per line: time, level, logger, message, the fields, and the traceback as `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line."""
        entry: dict[str, object] = {
            "time": self._time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if trace := self._trace(record):
            entry["trace"] = trace
        return json.dumps(entry, default=str, ensure_ascii=False)


class TextLines(_Lines):
    """`time level logger: message key=value`, and a traceback on indented lines below."""

    def format(self, record: logging.LogRecord) -> str:
        """Make the line. What came from outside cannot forge a second one: line breaks are spelt out."""
        fields = "".join(f" {key}={_readable(value)}" for key, value in _fields(record).items())
        message = _one_line(record.getMessage())
        line = f"{self._time(record)} {record.levelname.lower()} {record.name}: {message}{fields}"
        trace = self._trace(record)
        return line + "".join(f"\n    {part}" for part in trace.splitlines())


def _fields(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD_FIELDS}


def _readable(value: object) -> str:
    text = _one_line(str(value))
    return f'"{text}"' if not text or " " in text or "=" in text else text


def _one_line(text: str) -> str:
    return (
        text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n") if "\n" in text or "\r" in text else text
    )
