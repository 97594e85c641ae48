"""What an appliance offers, as data: actions and state variables, from which service descriptions are made.

Source: spec upnp-appliances.md, the first table; the cycle's service is an addition of ours.
"""

from dataclasses import dataclass

from heg.model.appliances import APPLIANCE_SERVICE, CYCLE_SERVICE


@dataclass(frozen=True, slots=True)
class Variable:
    """A state variable; `type` as UPnP names it."""

    name: str
    type: str
    allowed: tuple[str, ...] = ()
    evented: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """An action; its arguments are called like the state variables they relate to."""

    name: str
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `path` is the part of its URLs that names it."""

    urn: str
    id: str
    path: str
    variables: tuple[Variable, ...]
    actions: tuple[Action, ...]

    def action(self, name: str) -> Action | None:
        """Find an action by its name."""
        return next((one for one in self.actions if one.name == name), None)

    def type_of(self, name: str) -> str:
        """Tell the type of a variable that an argument is called like."""
        return next(one.type for one in self.variables if one.name == name)


_WHO = ("UUID", "Address")

POWER = Service(
    urn=APPLIANCE_SERVICE,
    id="urn:heg-energy:serviceId:PowerManagement",
    path="power",
    variables=(
        Variable("UUID", "string"),
        Variable("Address", "string"),
        Variable("PowerState", "string", ("ON", "OFF", "Standby"), evented=True),
        Variable("WakeMethod", "string", ("WOL", "WoWLAN")),
        Variable("StartTime", "string"),
        Variable("StopTime", "string"),
        Variable("RegID", "ui4"),
    ),
    actions=(
        Action("GetPowerState", _WHO, ("PowerState", "RegID")),
        Action("WakeUpMethod", _WHO, ("WakeMethod", "RegID")),
        Action("OperationOn", _WHO, ("RegID",)),
        Action("OperationOff", _WHO, ("RegID",)),
        Action("GoToStandby", _WHO, ("RegID",)),
        Action("StandbyPeriod", (*_WHO, "StartTime", "StopTime"), ("RegID",)),
        Action("Withdraw", (*_WHO, "RegID"), ()),
    ),
)

CYCLE = Service(
    urn=CYCLE_SERVICE,
    id="urn:heg-energy:serviceId:CycleOffer",
    path="cycle",
    variables=(
        Variable("CycleId", "string", evented=True),
        Variable("Name", "string"),
        Variable("RatedPower", "ui4"),
        Variable("StepMinutes", "ui4"),
        Variable("PowerCurve", "string"),
        Variable("EarliestStart", "dateTime.tz"),
        Variable("LatestEnd", "dateTime.tz"),
        Variable("Interruptible", "boolean"),
    ),
    actions=(
        Action(
            "GetCycle",
            (),
            (
                "CycleId",
                "Name",
                "RatedPower",
                "StepMinutes",
                "PowerCurve",
                "EarliestStart",
                "LatestEnd",
                "Interruptible",
            ),
        ),
    ),
)

SERVICES = (POWER, CYCLE)
