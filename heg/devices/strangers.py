"""What drivers refused of those who are no devices of the house, made instances of `self.refusals` at the unit."""

from heg.devices.contract import RefusalCounts
from heg.devices.doubts import Surroundings
from heg.model.instance import Location

_MOST_REASONS = 64


class Strangers:
    """Asks the drivers now and then; what has grown is told, at part `DRIVER.REASON`."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._asked: dict[str, RefusalCounts] = {}
        self._told: dict[str, int] = {}

    def ask(self, driver: str, counts: RefusalCounts) -> None:
        """Have a driver's counts told from now on; one that starts again replaces its own."""
        self._asked[driver] = counts

    def tell(self) -> None:
        """Tell what has changed."""
        for driver, counts in self._asked.items():
            for reason, count in list(counts().items())[:_MOST_REASONS]:
                part = f"{driver}.{reason}"
                if self._told.get(part) != count:
                    self._told[part] = count
                    self._around.door.write("self.refusals", Location(self._around.unit, part=part), float(count))
