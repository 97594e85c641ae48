"""The messages of appliances: how each is, what it is told and why, what it asked for, the cycle that waits in it."""

from heg.web.messages import Message


class ApplianceRequest(Message, frozen=True):
    """What an appliance asked the gateway for: `wake_up` at `start_utc`, or `no_standby` until `stop_utc`.

    `state` is registered, in_force, done, failed or withdrawn.
    """

    id: int
    kind: str
    start_utc: str
    stop_utc: str | None
    state: str
    text: str


class StandbySpan(Message, frozen=True):
    """When an appliance was asked to put itself to standby; `id` is its own number for that, to withdraw it by."""

    id: int
    start_utc: str
    stop_utc: str


class WaitingCycle(Message, frozen=True):
    """The cycle that waits in an appliance: what it will draw, and when it may run."""

    id: str
    name: str
    kwh: float | None
    minutes: int | None
    earliest_utc: str | None
    latest_utc: str | None


class ApplianceNow(Message, frozen=True):
    """One appliance; `called` is what it calls itself.

    `power_state` is the one last known (on, standby, off), `given` the one it is told to take. `status` lost means that
    it went while it worked; one that sleeps is attached. `importance` (must-run, flexible, optional), `draws_kw` and
    the least minutes are its owner's word or its own. `owner` names who decided, `outvoted` who asks otherwise in vain;
    `lease_state` is what the appliance shows of it. Whoever is not let see this finds these words empty.
    """

    device: str
    called: str
    maker: str
    model: str
    address: str
    status: str
    power_state: str | None
    importance: str
    draws_kw: float
    min_on_minutes: float
    min_off_minutes: float
    wake: str
    held: bool
    given: str | None
    owner: str
    lease_state: str
    reason: str
    reason_text: str
    outvoted: tuple[str, ...]
    expires_in_s: int
    requests: tuple[ApplianceRequest, ...]
    standby_periods: tuple[StandbySpan, ...]
    cycle: WaitingCycle | None


class AppliancesNow(Message, frozen=True):
    """Every appliance, in order of its name."""

    appliances: tuple[ApplianceNow, ...]


class AppliancesAtAGlance(Message, frozen=True):
    """How many appliances there are and how they are; `in_hand` are told something by the gateway now.

    `changed` grows whenever anything in `/api/v1/appliances` may be different.
    """

    count: int
    on: int
    standby: int
    off: int
    lost: int
    in_hand: int
    changed: int
