"""A machine behind a wire: one line of the kernel's GPIO switches it, another one may tell whether it is on.

By the character device (libgpiod): sysfs' own GPIO is gone from new kernels. Nothing is switched by starting: the line
is first read as it is.
"""

import logging
from collections.abc import Callable
from typing import Any, Protocol

from appliance.body import BodyError
from appliance.desk import ApplianceDesk
from appliance.faults import Fault, SoapFault
from heg.model.appliances import PowerState
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

LOOK_S = 0.2


class Lines(Protocol):
    """The two lines; true is active. Each may raise OSError."""

    def switch(self, *, active: bool) -> None:
        """Set the line that switches."""

    def sensed(self) -> bool:
        """Read the line that tells, or the one that switches where there is no other."""

    def close(self) -> None:
        """Give the lines back."""


class GpioBody:
    """Watches its line five times a second, which is cheaper than it sounds (8 us a look)."""

    def __init__(self, desk: ApplianceDesk, clock: Clock, take: Callable[[], Lines], low_is: PowerState) -> None:
        self._desk = desk
        self._clock = clock
        self._take = take
        self._low_is = low_is
        self._lines: Lines | None = None

    async def run(self) -> None:
        """Watch until cancelled. Raises OSError where the lines cannot be had, or not any more."""
        lines = self._lines = self._take()
        try:
            while True:
                self._desk.observed(PowerState.ON if lines.sensed() else self._low_is)
                await self._clock.sleep(LOOK_S)
        finally:
            self._lines = None
            lines.close()

    async def go(self, target: PowerState) -> None:
        """Set the line. Raises `BodyError`."""
        if self._lines is None or target not in (PowerState.ON, self._low_is):
            raise BodyError(Fault(SoapFault.ACTION_FAILED, f"no line leads to {target} now"))
        try:
            self._lines.switch(active=target is PowerState.ON)
            self._desk.observed(PowerState.ON if self._lines.sensed() else self._low_is)
        except OSError as error:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, f"the line was not set: {error}")) from error


class KernelLines:
    """Lines of a chip, through libgpiod 2. Raises OSError where they cannot be had."""

    def __init__(
        self, chip: str, line: int, sense: int | None, *, active_low: bool = False, sense_active_low: bool = False
    ) -> None:
        import gpiod
        from gpiod.line import Direction, Value

        self._value = Value
        self._line = line
        self._sense = sense
        as_it_is = gpiod.LineSettings(direction=Direction.AS_IS, active_low=active_low)
        wanted: dict[Any, Any] = {line: as_it_is}
        if sense is not None:
            wanted[sense] = gpiod.LineSettings(direction=Direction.INPUT, active_low=sense_active_low)
        try:
            self._request = gpiod.request_lines(chip, consumer="heg-appliance", config=wanted)
        except (OSError, ValueError) as error:
            lines = ", ".join(map(str, wanted))
            text = f"expected a chip with free lines {lines}: {error}; gpioinfo lists them, [gpio] names them"
            raise OSError(f"{chip}: {text}") from error
        try:
            now = self._request.get_value(line)
            settings = gpiod.LineSettings(direction=Direction.OUTPUT, active_low=active_low, output_value=now)
            self._request.reconfigure_lines({**wanted, line: settings})
        except OSError:
            self._request.release()
            raise

    def switch(self, *, active: bool) -> None:
        """Set the line that switches."""
        self._request.set_value(self._line, self._value.ACTIVE if active else self._value.INACTIVE)

    def sensed(self) -> bool:
        """Read the line that tells."""
        line = self._line if self._sense is None else self._sense
        return bool(self._request.get_value(line) is self._value.ACTIVE)

    def close(self) -> None:
        """Give the lines back."""
        self._request.release()
