"""After a crash: go on with what the process before held, or give it back first (DESIGN.md, Two clocks 4). Pure.

Loss rows `process-killed`, `journal-corrupt`.
"""

from dataclasses import dataclass
from enum import StrEnum

from heg.control.journal_format import HeldLease
from heg.control.lease_terms import LeaseRules, Wish
from heg.devices.contract import ReadBack
from heg.model.leases import Reason, ReasonCode
from heg.model.refusals import Refusal


class Verdict(StrEnum):
    """What to do with an inherited lease."""

    ADOPT = "adopt"
    RELEASE = "release"
    NOTHING_HELD = "nothing_held"


@dataclass(frozen=True, slots=True)
class Found:
    """What is known when deciding: the device's answer, the labels of now, and whether the cycle has fresh inputs."""

    read_back: ReadBack | Refusal
    utc_s: float
    boot: str
    inputs_fresh: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """The verdict and why, in words."""

    verdict: Verdict
    why: str


def lapsed(lease: HeldLease, utc_s: float, boot: str, rules: LeaseRules) -> str | None:
    """Return why an inherited lease counts as expired, or None.

    UTC is a label that may be wrong after a power cut (no battery-backed clock) and may have been set back; so only
    within the same boot, and only while it stands between taking and expiry, is it believed. An appliance that was
    switched only just now goes on as it is all the same: given back it would be switched again.
    """
    if _switched_lately(lease, utc_s, rules):
        return None
    if not boot or lease.boot != boot:
        return "the machine has been restarted since"
    if utc_s < lease.taken_utc_s:
        return "the clock was set back behind the moment it was taken"
    if utc_s >= lease.expires_utc_s:
        return "it has expired"
    return None


def recover(lease: HeldLease, found: Found, rules: LeaseRules) -> Recovery:
    """Decide about one inherited lease. In doubt it is released."""
    answer = found.read_back
    if isinstance(answer, ReadBack) and let_go(lease, answer):
        return Recovery(Verdict.NOTHING_HELD, "the device holds no command any more")
    if (why := lapsed(lease, found.utc_s, found.boot, rules)) is not None:
        return Recovery(Verdict.RELEASE, why)
    if isinstance(answer, Refusal):
        return Recovery(Verdict.RELEASE, f"the device does not say what it holds ({answer.code})")
    if not _as_journalled(lease, answer, rules):
        return Recovery(Verdict.RELEASE, "the device holds something else than was journalled")
    if not found.inputs_fresh:
        return Recovery(Verdict.RELEASE, "the measurements it was based on are not back")
    return Recovery(Verdict.ADOPT, "the device still holds what was journalled")


def let_go(lease: HeldLease | None, answer: ReadBack) -> bool:
    """Tell whether the device holds nothing of ours any more. An appliance in another state has been switched."""
    if lease is not None and lease.power_state is not None:
        return answer.set_point.power_state not in (None, lease.power_state, lease.former)
    return not answer.active


def inherited_wish(lease: HeldLease, read_back: ReadBack) -> Wish:
    """Return the wish an adopted lease stands for until the cycle speaks."""
    return Wish(
        set_point=read_back.set_point,
        owner=lease.owner,
        reason=Reason(ReasonCode.RECOVERED, "Goes on as before the restart."),
        regime=lease.regime if lease.regime is not None else lease.followed,
        native=lease.regime is not None,
        min_kw=lease.min_kw,
        max_kw=lease.max_kw,
    )


def _switched_lately(lease: HeldLease, utc_s: float, rules: LeaseRules) -> bool:
    """A switching that a clock set back has yet to come to counts as one of now."""
    if lease.power_state is None or lease.switched_utc_s == 0.0:
        return False
    return utc_s - lease.switched_utc_s < rules.stays_s(lease.power_state)


def _as_journalled(lease: HeldLease, answer: ReadBack, rules: LeaseRules) -> bool:
    set_point, tolerance = answer.set_point, rules.tolerance
    if lease.power_state is not None:
        return set_point.power_state is lease.power_state
    if lease.regime is not None:
        return set_point.regime is lease.regime
    if set_point.power_kw is None or set_point.regime is not None:
        return False
    return lease.min_kw - tolerance.kw <= set_point.power_kw <= lease.max_kw + tolerance.kw
