"""Devices without SunSpec, as data: a template file names registers and what they mean (DESIGN.md, Devices are data).

From the file in `templates/` come the driver, the names that `[[modbus.device]] template` may take, the page
docs/users/modbus-templates.md, and a test of each example. Typed and checked when it is loaded; light to import.
"""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from heg.model.catalogue import CATALOGUE
from heg.model.instance import Kind

_TYPES = {"uint16": 1, "int16": 1, "uint32": 2, "int32": 2, "uint64": 4, "float32": 2}
_CONNECTIONS = CATALOGUE["state.connection"].states

RegisterName = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Address = Annotated[int, Meta(ge=0, le=0xFFFF)]
Amperes = Annotated[float, Meta(gt=0.0, le=100.0)]


class TemplateError(ValueError):
    """A template says something that cannot be."""


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every table is: immutable, nothing unknown."""


class Register(_Table, frozen=True):
    """One value: where it stands, how it is laid out, `factor` to our unit. Outside `low` to `high` it is garbage."""

    address: Address
    type: str
    factor: Annotated[float, Meta(gt=0.0)] = 1.0
    low: float = 0.0
    high: float | None = None

    @property
    def words(self) -> int:
        """How many registers it takes."""
        return _TYPES[self.type]

    @property
    def wraps_at(self) -> float | None:
        """In our unit, where a counter in it starts again at zero."""
        return float(2 ** (16 * self.words)) * self.factor if self.type.startswith("uint") else None


class Identity(_Table, frozen=True):
    """Registers by which a device is known again at another address or after another run.

    `version_bytes`: each byte of the version is a part of it, the last one left out (0x030A2A00 is 3.10.42).
    """

    serial: RegisterName
    version: RegisterName | None = None
    version_bytes: bool = False


class MeasureLine(_Table, frozen=True):
    """One series: a catalogued variable, read with every poll (`fast`) or now and then (`slow`)."""

    variable: str
    register: RegisterName
    part: str = ""
    pace: Annotated[str, Meta(pattern=r"^(fast|slow)$")] = "slow"


class ConnectionLine(_Table, frozen=True, rename={"state": "is"}):
    """When `register` equals one of these, or has one of these bits, the vehicle is in this `state`."""

    register: RegisterName
    state: str
    equals: tuple[int, ...] = ()
    bits: int = 0

    def holds(self, value: float) -> bool:
        """Tell whether this line is met."""
        return round(value) in self.equals or bool(round(value) & self.bits)


class CurrentControl(_Table, frozen=True):
    """Where the charging current is set and where it shows, amperes."""

    set: RegisterName
    shown: RegisterName


class PauseControl(_Table, frozen=True):
    """Where charging is switched, and by which values it shows that it is paused."""

    set: RegisterName
    on: int
    off: int
    shown: RegisterName
    paused: tuple[int, ...]


class FailsafeControl(_Table, frozen=True):
    """The device's own dead-man: after so many seconds without a command, so many amperes (0: paused)."""

    set_current: RegisterName
    set_timeout: RegisterName
    shown_current: RegisterName
    shown_timeout: RegisterName
    amperes: Annotated[float, Meta(ge=0.0, le=100.0)]
    least_s: Annotated[int, Meta(ge=1)]
    most_s: Annotated[int, Meta(ge=1)]


class ChargerTable(_Table, frozen=True):
    """What makes a device a charge point. `rated` shows the most it can give, amperes a phase."""

    smallest_a: Amperes
    step_a: Amperes
    rated: RegisterName
    connection: tuple[ConnectionLine, ...]
    current: CurrentControl
    pause: PauseControl
    failsafe: FailsafeControl | None = None


class Example(_Table, frozen=True):
    """Registers of a device's manual and the value they stand for."""

    register: RegisterName
    words: tuple[Address, ...]
    value: float


class Template(_Table, frozen=True):
    """A kind of device. `one_by_one`: one value a request. `write_every_s`: how often it may be told something new."""

    maker: str
    model: str
    kind: Annotated[str, Meta(pattern=r"^charger$")]
    source: str
    identity: Identity
    registers: dict[RegisterName, Register]
    measures: tuple[MeasureLine, ...]
    charger: ChargerTable
    unit: Annotated[int, Meta(ge=0, le=255)] = 1
    one_by_one: bool = False
    write_function: Annotated[int, Meta(ge=6, le=16)] = 16
    write_every_s: Annotated[float, Meta(ge=0.0, le=3600.0)] = 0.0
    advice: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        for fault in self._faults():
            raise TemplateError(fault)

    def _faults(self) -> Iterator[str]:
        if self.write_function not in (6, 16):
            yield f"write_function = {self.write_function}: expected 6 or 16"
        for name, register in self.registers.items():
            if register.type not in _TYPES:
                yield f"registers.{name} type = {register.type!r}: expected one of {', '.join(_TYPES)}"
        for where, name in self._named():
            if name not in self.registers:
                yield f"{where} = {name!r}: expected one of {', '.join(self.registers)}"
        yield from self._words()
        for name in self._written():
            if self.registers[name].words > 1 and self.write_function == 6:
                yield f"registers.{name}: expected one register where function 6 writes it"

    def _words(self) -> Iterator[str]:
        """What is reported is catalogued."""
        for measure in self.measures:
            variable = CATALOGUE.get(measure.variable)
            if variable is None or variable.kind not in (Kind.SCALAR, Kind.COUNTER):
                yield f"measures.variable = {measure.variable!r}: expected a scalar or counter of the catalogue"
        for line in self.charger.connection:
            if line.state not in _CONNECTIONS:
                yield f"charger.connection is = {line.state!r}: expected one of {', '.join(sorted(_CONNECTIONS))}"

    def _named(self) -> Iterator[tuple[str, str]]:
        charger, failsafe = self.charger, self.charger.failsafe
        yield "identity.serial", self.identity.serial
        if self.identity.version is not None:
            yield "identity.version", self.identity.version
        yield from (("measures.register", measure.register) for measure in self.measures)
        yield from (("examples.register", example.register) for example in self.examples)
        yield from (("charger.connection.register", line.register) for line in charger.connection)
        yield "charger.rated", charger.rated
        yield from (("charger.current", name) for name in (charger.current.set, charger.current.shown))
        yield from (("charger.pause", name) for name in (charger.pause.set, charger.pause.shown))
        if failsafe is not None:
            names = (failsafe.set_current, failsafe.set_timeout, failsafe.shown_current, failsafe.shown_timeout)
            yield from (("charger.failsafe", name) for name in names)

    def _written(self) -> tuple[str, ...]:
        charger, failsafe = self.charger, self.charger.failsafe
        own = (charger.current.set, charger.pause.set)
        return own if failsafe is None else (*own, failsafe.set_current, failsafe.set_timeout)


def names() -> tuple[str, ...]:
    """The templates there are."""
    return tuple(sorted(file.name.removesuffix(".toml") for file in _folder().iterdir() if file.name.endswith(".toml")))


@cache
def template(name: str) -> Template:
    """Load one. Raises `KeyError` naming those that exist, `TemplateError` when the file cannot be."""
    if name not in names():
        raise KeyError(f"template {name!r}: expected one of {', '.join(names())}")
    return read((_folder() / f"{name}.toml").read_text(encoding="utf-8"), name)


def read(text: str, name: str) -> Template:
    """Check the text of a template file."""
    try:
        return msgspec.convert(tomllib.loads(text), Template)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise TemplateError(f"templates/{name}.toml: {error}") from error


def page() -> str:
    """Return docs/users/modbus-templates.md: each device with its entry, what it reports and how it is steered."""
    return "\n".join([_HEAD, *(_section(name, template(name)) for name in names())])


_HEAD = """# Modbus devices without SunSpec

Each has a template in `drivers/modbus/templates/`, from which this page is printed; do not edit. Its keys are those of
`[[modbus.device]]` in [configuration](configuration.md)."""


def _section(name: str, one: Template) -> str:
    charger, failsafe = one.charger, one.charger.failsafe
    series = sorted({measure.variable for measure in one.measures})
    dead_man = (
        f"Without a command for the time we ask for ({failsafe.least_s} to {failsafe.most_s} s) it gives "
        f"{failsafe.amperes:g} A by itself."
        if failsafe is not None
        else "It has no dead-man time."
    )
    advice = "".join(f"- {line}\n" for line in one.advice)
    return (
        f"\n## {one.maker} {one.model}\n\n"
        f'```toml\n[[modbus.device]]\ntemplate = "{name}"\nhost = "192.168.1.50"\n```\n\n'
        f"{advice}\n"
        f"Reports {', '.join(f'`{variable}`' for variable in (*series, 'state.connection'))}. Charges at nothing or "
        f"{charger.smallest_a:g} A a phase and more, in steps of {charger.step_a:g} A. {dead_man} Unit id {one.unit}. "
        f"After: {one.source}."
    )


def _folder() -> Path:
    return Path(__file__).parent / "templates"
