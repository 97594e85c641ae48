"""Which registers to ask for in one request: few requests, none too long, no point torn apart. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

MOST_REGISTERS = 125
_WORTH_READING_OVER = 8


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Consecutive registers."""

    address: int
    count: int

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.address + self.count


def merge(spans: Iterable[Span], *, most: int = MOST_REGISTERS, gap: int = _WORTH_READING_OVER) -> tuple[Span, ...]:
    """Join spans that lie no more than `gap` registers apart into requests of at most `most` registers.

    Each span given is whole in one of the requests; one that is longer than `most` is cut, since it is a block, not a
    point.
    """
    requests: list[Span] = []
    for span in sorted(piece for whole in spans for piece in _pieces(whole, most)):
        if requests:
            last = requests[-1]
            end = max(last.end, span.end)
            if span.address - last.end <= gap and end - last.address <= most:
                requests[-1] = Span(last.address, end - last.address)
                continue
        requests.append(span)
    return tuple(requests)


def _pieces(span: Span, most: int) -> Iterable[Span]:
    address = span.address
    while address < span.end:
        count = min(most, span.end - address)
        yield Span(address, count)
        address += count
