"""Server-sent events as bytes that come (WHATWG HTML, section 9.2). Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

LARGEST_EVENT_BYTES = 4_000_000


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    name: str
    data: bytes


class EventReader:
    """Takes bytes as they come and returns the events that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = "message"
        self._data: list[bytes] = []
        self._size = 0

    def take(self, chunk: bytes) -> Iterable[Event]:
        """Take more of the stream. Raises ValueError when one event has no end."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        found = [event for line in lines if (event := self._line(line.rstrip(b"\r"))) is not None]
        if self._size + len(self._rest) > LARGEST_EVENT_BYTES:
            raise ValueError(f"expected events of at most {LARGEST_EVENT_BYTES} bytes")
        return found

    def _line(self, line: bytes) -> Event | None:
        if not line:
            event = Event(self._name, b"\n".join(self._data)) if self._data else None
            self._name, self._data, self._size = "message", [], 0
            return event
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value.decode("ascii", "replace")
        elif field == b"data":
            self._data.append(value)
            self._size += len(value) + 1
        return None
