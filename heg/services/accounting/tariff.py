"""The tariff that was in force: what was last said of a slot's prices, and what a stored kWh is worth. Pure.

Prices that become known after their slot are learnt too: what was booked without them is then priced.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from heg.model.books import Tariff
from heg.model.slots import Profile
from heg.model.tariff import Viewpoint
from heg.services.planning.prices import SlotBook

IMPORT, EXPORT, CO2 = "profile.price.import", "profile.price.export", "profile.price.co2"
DAY_AHEAD = "profile.price.day_ahead"
_MOST_EUR_PER_KWH = 20.0
_DAY = timedelta(days=1)
_LONGEST = timedelta(days=9)


class TariffBook:
    """The prices of the last nine days and the next few, slot by slot."""

    def __init__(self, slot_minutes: int, viewpoint: Viewpoint = Viewpoint.HOUSEHOLD) -> None:
        market = viewpoint is Viewpoint.RETAILER
        self._bought, self._sold = (DAY_AHEAD, DAY_AHEAD) if market else (IMPORT, EXPORT)
        self.series = tuple(dict.fromkeys((self._bought, self._sold, CO2)))
        """What it learns: the prices of whose money is counted."""
        self.next_block_eur_per_kwh = 0.0
        """What the tariff's blocks add to the next kWh: a stored one saves that too."""
        self._slot = timedelta(minutes=slot_minutes)
        self._books: Mapping[str, SlotBook] = {name: SlotBook(slot_minutes, _MOST_EUR_PER_KWH) for name in self.series}

    def learn(self, series: str, profiles: Iterable[Profile], now: datetime) -> None:
        """Take what is said of one of the series, the newest word last."""
        self._books[series].learn(profiles, now)

    def over(self, start: datetime, until: datetime, one_way: float) -> Tariff:
        """Return the tariff of a span: of several slots the mean of what is known.

        A kWh in the battery is worth what buying it would have cost in the day that ends with the span (CO2 included),
        less what is lost on its way out (`one_way`): the mean, so that neither a cheap nor a dear slot flatters.
        """
        bought = self._known(self._bought, start, until)
        slots = max(1, (until - start) // self._slot)
        day = [self._known(name, until - _DAY, until) for name in (self._bought, CO2)]
        worth = _mean(day[0])
        return Tariff(
            _mean(bought),
            _mean(self._known(self._sold, start, until)),
            _mean(self._known(CO2, start, until)),
            known_share=len(bought) / slots,
            stored_eur_per_kwh=None
            if worth is None
            else (worth + (_mean(day[1]) or 0.0) + self.next_block_eur_per_kwh) * one_way,
        )

    def _known(self, series: str, start: datetime, until: datetime) -> list[float]:
        start = max(start, until - _LONGEST)
        slots = max(1, (until - start) // self._slot)
        return [value for value in self._books[series].known(start, slots) if value is not None]


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
