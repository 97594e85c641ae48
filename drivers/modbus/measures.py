"""From SunSpec points to our vocabulary: which variable and part, which factor and sign, how often. Pure.

SunSpec counts an inverter's power positive when it feeds in; a storage here is positive when charging (spec
vocabulary), so every power, current and reactive power of a storage is turned round. A meter's is positive when
importing in both.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import copysign

from drivers.modbus.plan import Span
from drivers.modbus.roles import Images, Ports, Role, inverter_model, meter_model, ports_of
from drivers.modbus.sunspec.image import ModelImage

Reported = float | str


class Pace(StrEnum):
    """How often a measure is read and reported."""

    FAST = "fast"
    SLOW = "slow"
    ONCE = "once"


@dataclass(frozen=True, slots=True)
class Measure:
    """One series: the points it needs, of which models, and how its value comes of them (None: not available now)."""

    variable: str
    part: str
    pace: Pace
    needs: tuple[tuple[ModelImage, str], ...]
    value: Callable[[], Reported | None]
    wraps_at: float | None = None

    def spans(self) -> Iterator[Span]:
        """Registers to read for it. Scale factors of 7xx models are fixed; older ones may change with the value."""
        for image, point in self.needs:
            place = image.places().get(point)
            if place is None:
                continue
            yield Span(image.address + place.offset, place.definition.registers)
            scale = image.places().get(place.definition.scale) if image.id < 700 else None
            if scale is not None:
                yield Span(image.address + scale.offset, 1)


def measures_of(role: Role, images: Images) -> tuple[Measure, ...]:
    """Everything the device can report in this role."""
    ports = ports_of(images) if role is not Role.METER else None
    hybrid = ports is not None and bool(ports.pv) and _storage_kw(images, ports) is not None and _is_storage(images)
    match role:
        case Role.METER:
            found = _meter(images)
        case Role.STORAGE:
            found = [
                *(_hybrid_storage(images, ports) if hybrid and ports else _inverter(images, role)),
                *_battery(images),
            ]
        case Role.PV:
            found = [
                *(_hybrid_pv(images, ports) if hybrid and ports else _inverter(images, role)),
                *_strings(images, ports),
            ]
    return tuple(_first_of_each(found))


def _is_storage(images: Images) -> bool:
    return any(model in images for model in (124, 713, 802))


def _first_of_each(measures: Iterable[Measure]) -> Iterator[Measure]:
    """Two models may tell the same: the first that has implemented the point speaks.

    A sleeping inverter says *not implemented* of what it measures by day, so a total is kept though it is silent now; a
    phase or a string that is silent does not exist.
    """
    told: dict[tuple[str, str], Measure] = {}
    silent: dict[tuple[str, str], Measure] = {}
    for measure in measures:
        if not all(point in image.places() for image, point in measure.needs):
            continue
        key = (measure.variable, measure.part)
        if _implemented(measure):
            told.setdefault(key, measure)
        elif not measure.part:
            silent.setdefault(key, measure)
    yield from {**silent, **told}.values()


def _implemented(measure: Measure) -> bool:
    image, point = measure.needs[0]
    return image.raw(point) is not None or image.places()[point].definition.type.startswith("acc")


# One series from one point ----------------------------------------------------------------------------------


def _scaled(
    image: ModelImage, point: str, variable: str, *, part: str = "", factor: float = 1.0, pace: Pace = Pace.SLOW
) -> Measure:
    def value() -> float | None:
        number = image.number(point)
        return None if number is None else number * factor

    return Measure(variable, part, pace, ((image, point),), value)


def _counter(image: ModelImage, point: str, variable: str) -> Measure:
    def value() -> float | None:
        number = image.counted(point)
        return None if number is None else number / 1000

    return Measure(variable, "", Pace.SLOW, ((image, point),), value, _wraps_at_kwh(image, point))


def _wraps_at_kwh(image: ModelImage, point: str) -> float | None:
    """Accumulators of whole numbers start again at zero; where, follows from their scale factor."""
    place, exponent = image.places().get(point), image.exponent(point)
    if place is None or exponent is None or not place.definition.type.startswith("acc"):
        return None
    return float(2 ** (16 * place.definition.registers)) * 10.0**exponent / 1000


def _current(image: ModelImage, point: str, power: str, part: str, sign: float) -> Measure:
    """Many devices give currents as magnitudes: the direction is the power's."""
    follows = power if power in image.places() and image.has(power) else "W"

    def value() -> float | None:
        amperes, watts = image.number(point), image.number(follows)
        if amperes is None:
            return None
        return sign * (amperes if watts is None else copysign(abs(amperes), watts) if watts else abs(amperes))

    return Measure("current", part, Pace.FAST, ((image, point), (image, follows)), value)


def _factor(image: ModelImage, point: str, part: str = "") -> Measure:
    """Power factors come as -1 to 1 or in percent."""

    def value() -> float | None:
        number = image.number(point)
        if number is None:
            return None
        return number / 100 if image.id < 700 and (image.id < 210 or abs(number) > 1.0) else number

    return Measure("power.factor", part, Pace.SLOW, ((image, point),), value)


def _state(image: ModelImage, point: str, variable: str) -> Measure:
    return Measure(variable, "", Pace.SLOW, ((image, point),), lambda: image.state(point))


def _events(image: ModelImage, *points: str) -> Measure:
    def value() -> str:
        return ",".join(name for point in points for name in image.events(point))

    return Measure("state.events", "", Pace.SLOW, tuple((image, point) for point in points), value)


# A meter ----------------------------------------------------------------------------------------------------


def _meter(images: Images) -> list[Measure]:
    image = meter_model(images)
    if image is None:
        return []
    found = [_scaled(image, "W", "power.active", factor=1e-3, pace=Pace.FAST)]
    for letter in "ABC":
        phase = f"phase.{letter.lower()}"
        found += [
            _scaled(image, f"Wph{letter}", "power.active", part=phase, factor=1e-3, pace=Pace.FAST),
            _current(image, f"Aph{letter}", f"Wph{letter}", phase, 1.0),
            _scaled(image, f"PhVph{letter}", "voltage", part=phase),
            _scaled(image, f"VARph{letter}", "power.reactive", part=phase, factor=1e-3),
        ]
    found += [
        *(_scaled(image, f"PhVph{pair}", "voltage", part=f"phase.{pair.lower()}") for pair in ("AB", "BC", "CA")),
        _scaled(image, "Hz", "frequency"),
        _scaled(image, "VA", "power.apparent", factor=1e-3),
        _scaled(image, "VAR", "power.reactive", factor=1e-3),
        _factor(image, "PF"),
        _counter(image, "TotWhImp", "energy.import"),
        _counter(image, "TotWhExp", "energy.export"),
        _events(image, "Evt"),
    ]
    return found


# An inverter's AC side --------------------------------------------------------------------------------------


def _inverter(images: Images, role: Role) -> list[Measure]:
    image = inverter_model(images)
    if image is None:
        return []
    sign = -1.0 if role is Role.STORAGE else 1.0
    found = [
        _scaled(image, "W", "power.active", factor=sign * 1e-3, pace=Pace.FAST),
        *(_der_phases(image, sign) if image.id == 701 else _inverter_phases(image, sign)),
        _scaled(image, "Hz", "frequency"),
        _scaled(image, "VA", "power.apparent", factor=1e-3),
        _factor(image, "PF"),
        _scaled(image, "TmpCab", "temperature", part="cabinet"),
        _scaled(image, "TmpSnk", "temperature", part="heatsink"),
        _scaled(image, "TmpOt", "temperature", part="other"),
    ]
    out = "energy.export" if role is Role.STORAGE else "energy.production"
    if image.id == 701:
        found += [
            _scaled(image, "Var", "power.reactive", factor=sign * 1e-3),
            _scaled(image, "TmpAmb", "temperature", part="ambient"),
            _counter(image, "TotWhInj", out),
            _state(image, "InvSt", "state.operating"),
            _events(image, "Alrm"),
        ]
        if role is Role.STORAGE:
            found.append(_counter(image, "TotWhAbs", "energy.import"))
        return found
    return [
        *found,
        _scaled(image, "VAr", "power.reactive", factor=sign * 1e-3),
        _counter(image, "WH", out),
        _scaled(image, "DCV", "voltage.dc"),
        _scaled(image, "DCA", "current.dc"),
        _scaled(image, "DCW", "power.dc", factor=sign * 1e-3),
        _state(image, "St", "state.operating"),
        _events(image, "Evt1", "Evt2"),
    ]


def _inverter_phases(image: ModelImage, sign: float) -> Iterator[Measure]:
    for letter in "ABC":
        phase = f"phase.{letter.lower()}"
        yield _current(image, f"Aph{letter}", "W", phase, sign)
        yield _scaled(image, f"PhVph{letter}", "voltage", part=phase)
    for pair in ("AB", "BC", "CA"):
        yield _scaled(image, f"PPVph{pair}", "voltage", part=f"phase.{pair.lower()}")


def _der_phases(image: ModelImage, sign: float) -> Iterator[Measure]:
    for number, pair in ((1, "L1L2"), (2, "L2L3"), (3, "L3L1")):
        letter = "abc"[number - 1]
        yield _scaled(image, f"WL{number}", "power.active", part=f"phase.{letter}", factor=sign * 1e-3, pace=Pace.FAST)
        yield _current(image, f"AL{number}", f"WL{number}", f"phase.{letter}", sign)
        yield _scaled(image, f"VL{number}", "voltage", part=f"phase.{letter}")
        yield _scaled(image, f"V{pair}", "voltage", part=f"phase.{letter}{'bca'[number - 1]}")


# A storage's DC side ----------------------------------------------------------------------------------------


def _battery(images: Images) -> Iterator[Measure]:
    for model, point in ((713, "SoC"), (802, "SoC"), (124, "ChaState")):
        if model in images:
            yield _scaled(images[model], point, "soc", factor=0.01, pace=Pace.FAST)
    for model in (713, 802):
        if model in images:
            yield _scaled(images[model], "SoH", "soh", factor=0.01)
            yield _scaled(images[model], "WHRtg", "energy.capacity", factor=1e-3, pace=Pace.ONCE)
    if 713 in images:
        yield _scaled(images[713], "WHAvail", "energy.stored", factor=1e-3)
    if 802 in images:
        bank = images[802]
        if inverter_model(images) is None:
            yield _scaled(bank, "W", "power.active", factor=-1e-3, pace=Pace.FAST)
        yield _scaled(bank, "V", "voltage.dc", part="battery")
        yield _scaled(bank, "A", "current.dc", part="battery", factor=-1.0)
        yield _scaled(bank, "W", "power.dc", part="battery", factor=-1e-3)
        yield _state(bank, "ChaSt", "state.storage")
        yield _events(bank, "Evt1")
    if 124 in images:
        yield _state(images[124], "ChaSt", "state.storage")


# PV strings, and inverters with PV and storage on one AC side -----------------------------------------------


def _strings(images: Images, ports: Ports | None) -> Iterator[Measure]:
    if ports is None:
        return
    image = images[ports.model]
    for number, prefix in enumerate(ports.pv, start=1):
        part = f"string.{number}"
        yield _scaled(image, f"{prefix}DCV", "voltage.dc", part=part)
        yield _scaled(image, f"{prefix}DCA", "current.dc", part=part)
        yield _scaled(image, f"{prefix}DCW", "power.dc", part=part, factor=1e-3)


def _storage_kw(images: Images, ports: Ports) -> Callable[[], float | None] | None:
    """Charging-positive DC power of a hybrid's battery, from the best source it has."""
    image = images[ports.model]
    if ports.charging or ports.discharging:

        def of_ports() -> float | None:
            taken = [image.number(f"{prefix}DCW") for prefix in ports.charging]
            given = [image.number(f"{prefix}DCW") for prefix in ports.discharging]
            known = [watts for watts in (*taken, *given) if watts is not None]
            if not known:
                return None
            return (sum(w for w in taken if w is not None) - sum(w for w in given if w is not None)) / 1000

        return of_ports
    if 802 in images and images[802].has("W"):
        bank = images[802]

        def of_bank() -> float | None:
            watts = bank.number("W")
            return None if watts is None else -watts / 1000

        return of_bank
    inverter = inverter_model(images)
    if inverter is None:
        return None

    def of_the_rest() -> float | None:
        """What the sun gives and the AC side does not."""
        fed_in, given = inverter.number("W"), [image.number(f"{prefix}DCW") for prefix in ports.pv]
        known = [watts for watts in given if watts is not None]
        return None if fed_in is None or not known else (sum(known) - fed_in) / 1000

    return of_the_rest


def _storage_needs(images: Images, ports: Ports) -> tuple[tuple[ModelImage, str], ...]:
    if ports.charging or ports.discharging:
        image = images[ports.model]
        return tuple((image, f"{prefix}DCW") for prefix in (*ports.charging, *ports.discharging))
    if 802 in images and images[802].has("W"):
        return ((images[802], "W"),)
    inverter = inverter_model(images)
    strings = tuple((images[ports.model], f"{prefix}DCW") for prefix in ports.pv)
    return strings if inverter is None else ((inverter, "W"), *strings)


def _hybrid_storage(images: Images, ports: Ports) -> list[Measure]:
    power = _storage_kw(images, ports)
    if power is None:
        return []
    return [Measure("power.active", "", Pace.FAST, _storage_needs(images, ports), power)]


def _hybrid_pv(images: Images, ports: Ports) -> list[Measure]:
    """The AC side carries both: what it feeds in and what the battery takes is what the sun gives, losses with it."""
    image, storage = inverter_model(images), _storage_kw(images, ports)
    if image is None or storage is None:
        return []

    def produced() -> float | None:
        watts, charging_kw = image.number("W"), storage()
        return None if watts is None or charging_kw is None else watts / 1000 + charging_kw

    needs = ((image, "W"), *_storage_needs(images, ports))
    shared = ("frequency", "voltage", "temperature", "state.operating", "state.events")
    return [
        Measure("power.active", "", Pace.FAST, needs, produced),
        *(measure for measure in _inverter(images, Role.PV) if measure.variable in shared),
    ]
