"""Why an actuator does what it does, in words a person understands. Pure."""

from heg.control.intents import Intent
from heg.control.snapshot import GridImage, Known, value_or
from heg.model.capabilities import StorageCapability
from heg.model.envelope import Envelope
from heg.model.leases import Reason, ReasonCode

_FULL = 0.995


def reason_for(intent: Intent, desired_kw: float, bound: str, envelope: Envelope, grid: GridImage) -> Reason:
    """Return the reason of what is commanded; `bound` names the room at the connection point that held it back."""
    if bound:
        return Reason(ReasonCode.ENVELOPE, f"{intent.claim.reason.text} {_held_back(bound, envelope, grid)}")
    limited = _limited(intent, desired_kw)
    return limited if limited is not None else intent.claim.reason


def _held_back(bound: str, envelope: Envelope, grid: GridImage) -> str:
    if bound.startswith("phase."):
        loaded = max(range(len(grid.phase_a)), key=lambda index: abs(value_or(grid.phase_a[index], 0.0)))
        return f"Held to {envelope.max_a_per_phase:g} A on phase {'ABC'[loaded]} (supply contract)."
    who = " and ".join(dict.fromkeys(str(source) for source in (envelope.max_source, envelope.min_source) if source))
    return f"Held to {-envelope.min_kw:g} kW export, {envelope.max_kw:g} kW import ({who})."


def _limited(intent: Intent, desired_kw: float) -> Reason | None:
    """Say so where the storage is full, at its reserve, or at its largest power."""
    image, storage = intent.image, intent.image.capability
    if not isinstance(storage, StorageCapability) or not isinstance(image.soc, Known):
        return None
    text = intent.claim.reason.text
    if desired_kw >= 0 and image.soc.value >= _FULL and intent.device.high_kw < storage.max_rate_kw:
        return Reason(ReasonCode.SOC_LIMIT, f"{text} It is full.")
    if desired_kw <= 0 and image.soc.value <= storage.reserve_share and intent.device.low_kw > storage.min_rate_kw:
        return Reason(ReasonCode.SOC_LIMIT, f"{text} It is at its reserve of {storage.reserve_share:.0%}.")
    if not intent.native and desired_kw in (storage.min_rate_kw, storage.max_rate_kw):
        return Reason(ReasonCode.RATE_LIMIT, f"{text} It is at its largest power.")
    return None
