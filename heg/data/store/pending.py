"""What waits for the disk: sealed frames, bounded in bytes, oldest first to go."""

import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from heg.data.store.frames import Row, decode_frame, encode_frame


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame with what its table row says about it: `label_ms` by UTC, `arrived_ms` by the monotonic clock."""

    body: bytes
    first_sequence: int
    last_sequence: int
    from_ms: int
    until_ms: int
    label_ms: int
    arrived_ms: int
    rows: int
    kept: int

    @classmethod
    def of(cls, rows: Sequence[Row], label_ms: int, arrived_ms: int, kept: int) -> "Frame":
        """Seal rows, which come in arrival order."""
        times = [row.time_ms for row in rows]
        first, last = rows[0].sequence, rows[-1].sequence
        body = encode_frame(rows)
        return cls(body, first, last, min(times), max(times), label_ms, arrived_ms, len(rows), kept)


class Pending:
    """A queue of frames that the disk has not taken yet."""

    def __init__(self, max_bytes: int) -> None:
        self._frames: deque[Frame] = deque()
        self._max_bytes = max_bytes
        self._bytes = 0
        self.dropped_rows = 0

    def __iter__(self) -> Iterator[Frame]:
        return iter(self._frames)

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: Frame) -> None:
        """Take one more; the oldest goes when there are too many bytes, and its rows are counted as lost."""
        self._frames.append(frame)
        self._bytes += len(frame.body)
        while self._bytes > self._max_bytes and len(self._frames) > 1:
            oldest = self._frames.popleft()
            self._bytes -= len(oldest.body)
            self.dropped_rows += oldest.rows

    def first(self, count: int) -> list[Frame]:
        """Return the oldest few."""
        return list(itertools.islice(self._frames, count))

    def drop_first(self, count: int) -> None:
        """The disk has these."""
        for _ in range(count):
            self._bytes -= len(self._frames.popleft().body)

    def renumber(self, numbers: Mapping[int, int]) -> None:
        """Give series their numbers in a file that was opened after these frames were sealed."""
        frames = [self._renumbered(frame, numbers) for frame in self._frames]
        self._frames = deque(frames)
        self._bytes = sum(len(frame.body) for frame in frames)

    def keep(self, keeps: Callable[[Row], bool]) -> None:
        """Take rows out: their owner had them erased."""
        left = []
        for frame in self._frames:
            rows = [row for row in decode_frame(frame.body) if keeps(row)]
            if rows:
                left.append(replace(frame, body=encode_frame(rows), rows=len(rows)))
        self._frames = deque(left)
        self._bytes = sum(len(frame.body) for frame in left)

    def _renumbered(self, frame: Frame, numbers: Mapping[int, int]) -> Frame:
        rows = [row._replace(series=numbers[row.series]) for row in decode_frame(frame.body)]
        return replace(frame, body=encode_frame(rows))
