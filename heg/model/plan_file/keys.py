"""The keys of the planner's files as types. From them come the reader's checks, its words, and the JSON Schemas.

Each key's `Meta.description` is the phrase that a refusal shows after "expected". A key with a default may be absent or
null, which is the same. What cannot be true (a share of 90, a negative capacity) is no matter of types: it is planned
with a named degradation (heg/planner/tidy.py).
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from heg.model.plan import DegradationCode, Objective, PlanStatus, SlotReasonCode
from heg.model.regimes import Regime

MOST_SLOTS = 10_000
"""A year by the hour and some: what is longer is a study's business, not a plan's."""

FARTHEST_SLOT = 1_000_000

Numbers: TypeAlias = tuple[float | None, ...]

Kilowatts = Annotated[Numbers, Meta(description="a list of kW, one a slot, null where not known, such as [0.4, 1.2]")]
Prices = Annotated[
    Numbers, Meta(description="a list of EUR/kWh, one a slot, null where not known, such as [0.31, 0.28]")
]
Limits = Annotated[Numbers, Meta(description="a list of kW, one a slot, null where there is no limit")]
Plugged = Annotated[tuple[bool | None, ...], Meta(description="a list of true and false, one a slot")]
OneLimit = Annotated[float, Meta(description="kW, such as 6.0; null for no limit")]
PricePerKwh = Annotated[float, Meta(description="EUR/kWh, such as 0.05")]
PricePerKw = Annotated[float, Meta(description="EUR/kW, such as 4.0")]
Power = Annotated[float, Meta(description="kW at the house's terminals, positive charging, such as 5.0")]
Energy = Annotated[float, Meta(description="kWh, such as 10.0")]
Share = Annotated[float, Meta(description="a share above 0 and at most 1, such as 0.9")]
Slot = Annotated[
    int,
    Meta(
        ge=-FARTHEST_SLOT,
        le=FARTHEST_SLOT,
        description="a number of a slot: 0 for the first, up to the number of slots",
    ),
]
Moment = Annotated[
    str,
    Meta(
        min_length=10,
        max_length=40,
        description='a UTC time such as "2026-11-21T00:00:00Z"',
        extra_json_schema={"format": "date-time"},
    ),
]


class Keys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every object of the files is: named keys only, none unknown."""


class StorageKeys(Keys, frozen=True):
    """A stationary storage. Losses are split evenly: the square root of the round trip's share each way."""

    capacity_kwh: Energy | None = None
    min_rate_kw: Power | None = None
    max_rate_kw: Power | None = None
    soc_kwh: Annotated[float, Meta(description="kWh now stored, such as 4.5; null when it is not known")] | None = None
    round_trip_efficiency: Share | None = 0.9
    reserve_kwh: Energy | None = 0.0
    wear_eur_per_kwh: Annotated[float, Meta(description="EUR per kWh discharged, such as 0.02")] | None = 0.0
    end_value_eur_per_kwh: (
        Annotated[float, Meta(description="EUR per kWh left at the end; null for the planner's own rule")] | None
    ) = None


class VehicleKeys(StorageKeys, frozen=True):
    """A vehicle: `plugged` says in which slots it is there, `target_kwh` is wanted at the start of `target_slot`."""

    plugged: Plugged | None = ()
    target_kwh: Energy | None = 0.0
    target_slot: Slot | msgspec.UnsetType | None = msgspec.UNSET  # null says that there is no target
    target_penalty_eur_per_kwh: Annotated[float, Meta(description="EUR per kWh short, such as 10")] | None = 10.0
    min_charge_kw: Annotated[float, Meta(description="kW below which it does not charge, such as 1.4")] | None = 0.0


class BlockKeys(Keys, frozen=True):
    """A step of an inclining block rate: energy above `from_kwh` of the billing period costs this more."""

    from_kwh: Annotated[float, Meta(description="kWh of the billing period, such as 300")]
    eur_per_kwh: PricePerKwh


class BlocksKeys(Keys, frozen=True):
    """An inclining block rate and what was imported in the billing period so far."""

    so_far_kwh: Annotated[float, Meta(description="kWh imported before `start`, such as 240")] | None = 0.0
    steps: (
        Annotated[
            tuple[BlockKeys, ...],
            Meta(max_length=100, description='a list of steps such as {"from_kwh": 300, "eur_per_kwh": 0.05}'),
        ]
        | None
    ) = ()


class DeferrableKeys(Keys, frozen=True):
    """An appliance's cycle that waits for its time: it begins and ends within `earliest_slot` to `latest_slot`."""

    power_kw: Annotated[
        Numbers, Meta(min_length=1, max_length=MOST_SLOTS, description="a list of kW, one for each slot of the cycle")
    ]
    name: (
        Annotated[
            str,
            Meta(
                max_length=200,
                pattern=r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f])",  # nothing that a terminal takes for an order
                description='a name such as "washing machine", in characters that can be printed',
            ),
        ]
        | None
    ) = None
    earliest_slot: Slot | None = 0
    latest_slot: Slot | None = None
    interruptible: Annotated[bool, Meta(description="true when it may pause between its slots")] | None = False


class PreviousPlanKeys(Keys, frozen=True):
    """What the plan before said of the slots from `start` on, of the same length: equal plans stay near it."""

    start: Moment
    ess_kw: Kilowatts | None = ()
    pev_kw: Kilowatts | None = ()


class ProblemKeys(Keys, frozen=True):
    """One problem for `heg plan`. Power is kW at the house's terminals; the grid is positive importing."""

    slot_minutes: Annotated[int, Meta(ge=1, le=1440, description="whole minutes from 1 to 1440, such as 15")]
    start: Moment
    demand_kw: Annotated[
        Numbers,
        Meta(
            min_length=1,
            max_length=MOST_SLOTS,
            description=f"a list of kW, one a slot, 1 to {MOST_SLOTS} of them, null where not known",
        ),
    ]
    import_eur_per_kwh: Prices
    production_kw: Kilowatts | None = ()
    production_curtailable: Annotated[bool, Meta(description="true when production may be cut")] | None = False
    export_eur_per_kwh: Prices | None = ()
    co2_eur_per_kwh: Prices | None = ()
    tube_low_kw: Limits | None = ()
    tube_high_kw: Limits | None = ()
    outside_tube_eur_per_kwh: PricePerKwh | None = 0.0
    contract_min_kw: OneLimit | None = None
    contract_max_kw: OneLimit | None = None
    grid_min_kw: Limits | None = ()
    grid_max_kw: Limits | None = ()
    peak_eur_per_kw: PricePerKw | None = 0.0
    peak_so_far_kw: Annotated[float, Meta(description="kW, the highest import before `start`")] | None = 0.0
    blocks: BlocksKeys | None = None
    desired_kw: Kilowatts | None = ()
    desired_weight_eur_per_kwh: PricePerKwh | None = 0.0
    ess: StorageKeys | None = None
    pev: VehicleKeys | None = None
    deferrable: (
        Annotated[tuple[DeferrableKeys, ...], Meta(max_length=50, description="a list of at most 50 cycles")] | None
    ) = ()
    previous_plan: PreviousPlanKeys | None = None
    objective: Annotated[Objective, Meta(description='"energy+co2", "co2" or "energy+co2+distribution"')] | None = (
        Objective.ENERGY_CO2
    )


EachSlot = Annotated[tuple[float, ...], Meta(description="kW, one a slot")]
EachEdge = Annotated[
    tuple[float, ...], Meta(description="kWh, at the start and after each slot; zeros where there is none")
]
EachRegime = Annotated[
    tuple[Regime, ...], Meta(description='one a slot: how it follows the house; "hold" where there is none')
]


class LackKeys(Keys, frozen=True):
    """What the plan had to do without: its code for programs and a sentence that says what was done instead."""

    code: DegradationCode
    text: str


class CostKeys(Keys, frozen=True):
    """The parts of `objective_value`, EUR over the horizon; their sum is it."""

    energy: float
    co2: float
    outside_tube: float
    wear: float
    target: float
    end_value: float
    peak: float
    blocks: float
    desired: float


class ReasonKeys(Keys, frozen=True):
    """Why a storage does what it does in a slot, in figures and as a sentence."""

    code: SlotReasonCode
    text: str
    price_now_eur_per_kwh: Annotated[float, Meta(description="what the next kWh costs or brings")] | None
    price_later_eur_per_kwh: Annotated[float, Meta(description="what the stored kWh is worth later")] | None
    later: Annotated[str, Meta(description="when it is, UTC", extra_json_schema={"format": "date-time"})] | None
    binding: Annotated[str, Meta(description='the limit that binds, such as "contract_max"; "" when none does')]
    shadow_eur_per_kwh: Annotated[float, Meta(description="what one more kWh of that limit would save, EUR/kWh")]
    marginal_eur_per_kwh: Annotated[float, Meta(description="worth of one more kWh stored at the slot's end")]


class SlotReasonKeys(Keys, frozen=True):
    """The reasons of one slot; null for a storage that is not there."""

    ess: ReasonKeys | None
    pev: ReasonKeys | None


class CycleKeys(Keys, frozen=True):
    """When an appliance's cycle runs: kW in each slot of the horizon."""

    name: str
    power_kw: EachSlot


class PlanKeys(Keys, frozen=True):
    """One plan from `heg plan`. A plan without a storage has zeros and `hold` for it."""

    status: Annotated[PlanStatus, Meta(description="proven, good enough, with a lack that is named, or the rule")]
    degradations: tuple[LackKeys, ...]
    objective_value: Annotated[float, Meta(description="EUR over the horizon, what was minimised")]
    cost_eur: CostKeys
    ess_kw: EachSlot
    pev_kw: EachSlot
    grid_kw: EachSlot
    production_used_kw: EachSlot
    ess_soc_kwh: EachEdge
    pev_soc_kwh: EachEdge
    ess_regime: EachRegime
    pev_regime: EachRegime
    reasons: tuple[SlotReasonKeys, ...]
    deferrable: tuple[CycleKeys, ...]
    pev_best_kwh: Annotated[float, Meta(description="the best reachable, where the target is not; else null")] | None
    solve_ms: Annotated[float, Meta(description="milliseconds in the solver")]
