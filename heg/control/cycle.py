"""One control cycle without I/O but the door: snapshot, envelope, decisions (DESIGN.md, Two clocks)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from heg.control.claims import ClaimBook
from heg.control.deciding import Decider, Outcome, Told
from heg.control.envelopes import CONTRACT_UNKNOWN, EnvelopeReader, without_amperes
from heg.control.lease_terms import Wish
from heg.control.overload import Overload
from heg.control.settings import ControlSettings
from heg.control.snapshot import ApplianceImage, Known, Snapshot, SnapshotReader
from heg.control.switching import Switcher
from heg.data.door import Door
from heg.devices.contract import AttachedActuator
from heg.model.capabilities import ApplianceCapability, Capability, ProducerCapability, StorageCapability
from heg.model.envelope import Envelope, EnvelopeSource
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.regimes import GridBand, Regime, RegimeOrder
from heg.runtime.clock import Clock

_NO_CONTRACT = Reason(
    ReasonCode.ENVELOPE, "No supply contract is configured: what the connection point stands is not known."
)
_UNDER_DSO = "Hands off, but the network operator's limit holds."


class Cycle:
    """Turns what is known now into what each actuator is told."""

    def __init__(self, door: Door, settings: ControlSettings, book: ClaimBook, clock: Clock) -> None:
        self._door, self._book, self._clock = door, book, clock
        self._take(settings)
        self._decider = Decider(settings.steering)
        self._switcher = Switcher()
        self._overload = Overload(settings.timings.cycle_s)
        self._newest: Snapshot | None = None
        self._held_back: Mapping[str, Claim] = {}
        self._hands_off = False

    def reconfigure(self, settings: ControlSettings) -> None:
        """Decide by other settings from the next cycle on; what was learnt of meter and devices stays where it can."""
        steering = self._settings.steering
        self._take(settings)
        if settings.steering != steering:
            self._decider = Decider(settings.steering)

    def was_switched(self, key: str, at_s: float) -> None:
        """An appliance was given back, or switched by the process before; `key` is the journal's, monotonic seconds."""
        self._switcher.was_switched(key, at_s)

    def _take(self, settings: ControlSettings) -> None:
        self._settings = settings
        door, book = self._door, self._book
        self._reader = SnapshotReader(
            door, settings.unit, settings.ages, book, phases=settings.phases, meter=settings.meter
        )
        self._envelopes = EnvelopeReader(door, settings.unit, settings.limits, settings.live, utc=self._clock.utc)

    def step(
        self, attached: Sequence[AttachedActuator], told: Mapping[str, Told], now_s: float, *, hands_off: bool
    ) -> tuple[Snapshot, Envelope, dict[str, Outcome]]:
        """Decide for this cycle; every outcome says why."""
        switched = _appliances(attached)
        steered = [one for one in attached if not isinstance(one.capability, ApplianceCapability)]
        snapshot = self._reader.take(sorted(steered, key=_merit), now_s, appliances=switched, in_hand=told)
        envelope = self._envelopes.envelope(now_s)
        outcomes = self._steer(snapshot, envelope, told, now_s, hands_off=hands_off)
        shed = self._shed(snapshot, envelope, switched, told, hands_off=hands_off)
        self._held_back, self._hands_off = shed, hands_off
        looked = self._with_shed(snapshot.appliances, switched, shed, hands_off=hands_off)
        self._newest = snapshot = replace(snapshot, appliances=looked)
        chosen = self._switcher.decide(snapshot.appliances.values(), shed, told, now_s)
        if hands_off:
            chosen = {name: replace(chosen[name], binding=True) for name in shed if name in chosen}
        return snapshot, envelope, outcomes | chosen

    def switch(
        self, attached: Sequence[AttachedActuator], told: Mapping[str, Told], now_s: float
    ) -> tuple[Snapshot, dict[str, Outcome]] | None:
        """Decide for appliances alone between two cycles: by the claims of now, and what the last cycle held back.

        None where the last cycle knew nothing, or had the hands off: then another cycle has to be first.
        """
        if self._newest is None or self._hands_off:
            return None
        switched = _appliances(attached)
        asked = self._reader.asked(switched, told, now_s)
        looked = self._with_shed(asked, switched, self._held_back, hands_off=False)
        self._newest = replace(self._newest, appliances=looked)
        return self._newest, self._switcher.decide(looked.values(), self._held_back, told, now_s)

    def _shed(
        self,
        snapshot: Snapshot,
        envelope: Envelope,
        switched: Sequence[AttachedActuator],
        told: Mapping[str, Told],
        *,
        hands_off: bool,
    ) -> dict[str, Claim]:
        """Appliances need no contract to be switched; where there is one, they help to keep it."""
        limits = [one for one in envelope.limits if not hands_off or one.source is EnvelopeSource.DSO]
        if hands_off and not limits:
            self._overload.let_go()
            return {}
        inherited = {name: one.stands.reason for name, one in told.items() if one.stands and _held_back(one.stands)}

        def images() -> list[ApplianceImage]:
            return [image for one in switched if (image := self._reader.appliance(one)) is not None]

        return self._overload.decide(snapshot.grid, limits, images, inherited, snapshot.now_s)

    def _with_shed(
        self,
        asked: Mapping[str, ApplianceImage],
        switched: Sequence[AttachedActuator],
        shed: Mapping[str, Claim],
        *,
        hands_off: bool,
    ) -> dict[str, ApplianceImage]:
        """Those that are held back are looked at, too; under hands-off no other claim counts."""
        looked = dict(asked)
        for one in switched:
            if one.name in shed and one.name not in looked and (image := self._reader.appliance(one)) is not None:
                looked[one.name] = image
        if hands_off:
            looked = {name: replace(image, claims=()) for name, image in looked.items()}
        return looked

    def _steer(
        self, snapshot: Snapshot, envelope: Envelope, told: Mapping[str, Told], now_s: float, *, hands_off: bool
    ) -> dict[str, Outcome]:
        if not self._envelopes.contracted:
            nothing = Outcome(None, _NO_CONTRACT, CONTRACT_UNKNOWN)
            return dict.fromkeys(snapshot.actuators, nothing)
        held = without_amperes(envelope, snapshot.grid.phase_a, self._settings.phases)
        if not hands_off:
            return self._decider.decide(snapshot, held, told)
        ordered = self._envelopes.envelope(now_s, only=EnvelopeSource.DSO)
        if not ordered.limits:
            return {}
        outcomes = self._decider.decide(_under_order(snapshot, ordered), ordered, told)
        return {name: replace(outcome, binding=True) for name, outcome in outcomes.items()}

    @property
    def meter_age_s(self) -> float | None:
        """How old the grid meter's values were found to be, where that is more than was assumed."""
        return self._decider.meter_age_s

    def is_fresh(self, device: str) -> bool:
        """Tell whether everything this actuator is steered by is known: then an inherited lease may go on."""
        if self._newest is not None and (appliance := self._newest.appliances.get(device)) is not None:
            return appliance.present
        if self._newest is None or not isinstance(self._newest.grid.power_kw, Known):
            return False
        image = self._newest.actuators.get(device)
        if image is None or not image.present or not isinstance(image.power_kw, Known):
            return False
        return not isinstance(image.capability, StorageCapability) or isinstance(image.soc, Known)


def _appliances(attached: Sequence[AttachedActuator]) -> list[AttachedActuator]:
    return [one for one in attached if isinstance(one.capability, ApplianceCapability)]


def _held_back(stands: Wish) -> bool:
    return stands.owner is Claimant.ENVELOPE and stands.reason.code is ReasonCode.RECOVERED


def _merit(one: AttachedActuator) -> tuple[int, str]:
    """Storages first: they give back what they take. Producers last: what they are held back is lost."""
    return _merit_of(one.capability), one.name


def _merit_of(capability: Capability) -> int:
    if isinstance(capability, StorageCapability):
        return 0
    return 2 if isinstance(capability, ProducerCapability) else 1


def _under_order(snapshot: Snapshot, envelope: Envelope) -> Snapshot:
    """All claims fall away but one: keep the connection point inside the network operator's limit."""
    band = GridBand(envelope.min_kw, envelope.max_kw)
    claim = Claim(
        Claimant.ENVELOPE, Reason(ReasonCode.ENVELOPE, _UNDER_DSO), 1.0, order=RegimeOrder(Regime.LIMIT, band=band)
    )
    images = {name: replace(image, claims=(claim,)) for name, image in snapshot.actuators.items()}
    return replace(snapshot, actuators=images)
