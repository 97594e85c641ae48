"""A sparse linear program put together in blocks of slots, as the arrays that HiGHS takes (no modelling layer)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from heg.planner.house import Floats

Ints = npt.NDArray[np.int32]

NO_COLUMNS: Ints = np.zeros(0, dtype=np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Arrays:
    """Minimise cost x, with row_lower <= A x <= row_upper and lower <= x <= upper; A by rows.

    Of what costs the same the least `ties` x is wanted.
    """

    cost: Floats
    ties: Floats
    lower: Floats
    upper: Floats
    integral: Ints
    row_lower: Floats
    row_upper: Floats
    starts: Ints
    columns: Ints
    values: Floats


class Builder:
    """Collects blocks of columns and rows. A block is an array of column or row numbers, one for each of its slots."""

    def __init__(self) -> None:
        self._columns: list[tuple[Floats, Floats, Floats, bool, Floats]] = []
        self._rows: list[tuple[Floats, Floats]] = []
        self._entries: list[tuple[Ints, Ints, Floats]] = []
        self._width = 0
        self._height = 0

    def columns(
        self,
        count: int,
        lower: float | Floats,
        upper: float | Floats,
        *,
        cost: float | Floats = 0.0,
        ties: float | Floats = 0.0,
        whole: bool = False,
    ) -> Ints:
        """Add variables; `whole` ones take integers only, `ties` tell between answers that cost the same."""
        block = (_full(count, cost), _full(count, lower), _full(count, upper), whole, _full(count, ties))
        self._columns.append(block)
        self._width += count
        return np.arange(self._width - count, self._width, dtype=np.int32)

    def rows(self, count: int, lower: float | Floats, upper: float | Floats) -> Ints:
        """Add constraints, to be filled by `put`."""
        self._rows.append((_full(count, lower), _full(count, upper)))
        self._height += count
        return np.arange(self._height - count, self._height, dtype=np.int32)

    def put(self, rows: Ints, columns: Ints, values: float | Floats) -> None:
        """Set one coefficient in each of these rows."""
        self._entries.append((rows, columns, _full(len(rows), values)))

    def arrays(self) -> Arrays:
        """Return the whole."""
        rows = np.concatenate([entry[0] for entry in self._entries])
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=self._height)
        whole = [np.full(len(block[0]), int(block[3]), dtype=np.int32) for block in self._columns]
        return Arrays(
            cost=np.concatenate([block[0] for block in self._columns]),
            ties=np.concatenate([block[4] for block in self._columns]),
            lower=np.concatenate([block[1] for block in self._columns]),
            upper=np.concatenate([block[2] for block in self._columns]),
            integral=np.concatenate(whole),
            row_lower=np.concatenate([row[0] for row in self._rows]),
            row_upper=np.concatenate([row[1] for row in self._rows]),
            starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int32),
            columns=np.concatenate([entry[1] for entry in self._entries])[order],
            values=np.concatenate([entry[2] for entry in self._entries])[order],
        )


def _full(count: int, value: float | Floats) -> Floats:
    if isinstance(value, float):
        return np.full(count, value)
    return np.broadcast_to(np.asarray(value, dtype=np.float64), (count,))
