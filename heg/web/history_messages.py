"""The messages of the past: the house in columns, and the rows of one series."""

from heg.web.messages import Message, Value


class EnergyHistory(Message, frozen=True):
    """The house's history in columns of equal length: the mean of each step, null where nothing was measured.

    Step i begins at `start_utc` + i x `step_s`.
    """

    start_utc: str
    step_s: int
    house_kw: list[float | None]
    pv_kw: list[float | None]
    battery_kw: list[float | None]
    grid_kw: list[float | None]
    soc: list[float | None]


class SeriesRow(Message, frozen=True):
    """One row of a series: a raw value, or mean, extremes, first and last of a step."""

    time: str
    value: Value
    low: float | None
    high: float | None
    first: float | None
    last: float | None
    count: int


class SeriesPage(Message, frozen=True):
    """Rows of one series in time order, and the cursor of the next page."""

    variable: str
    unit: str
    place: str
    rows: tuple[SeriesRow, ...]
    next_cursor: str | None
