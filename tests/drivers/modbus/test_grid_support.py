"""Reactive power, power factor, volt-var and connection of the rig's inverters, as its physics then has them."""

import math

import pytest

from heg.devices.contract import GridSupport, GridSupportActuator, VoltVar
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from tests.drivers.modbus.place import Place, a_place, a_plan
from tests.support.stepped import stepped

CURVE = VoltVar(((0.90, 0.30), (0.92, 0.30), (0.95, 0.30), (1.20, 0.30)))


def inverter(place: Place) -> GridSupportActuator:
    support = place.actuator("pv").support
    assert support is not None
    return support


def truth_kvar(place: Place) -> float:
    return place.rig.house.producers["pv"].reactive_kvar


@pytest.mark.parametrize("pv", ["103", "701"])
@pytest.mark.parametrize("factor", [0.9, -0.95])
def test_a_power_factor_injects_or_absorbs(pv: str, factor: float) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(pv=pv, sun_kw=3.0)) as place:
            assert await inverter(place).support(GridSupport(power_factor=factor)) is None
            await place.after(15)
            expected = math.copysign(3.0 * math.tan(math.acos(abs(factor))), factor)
            assert truth_kvar(place) == pytest.approx(expected, abs=0.02)
            assert place.value("power.reactive", "pv") == pytest.approx(expected, abs=0.02)
            answer = await inverter(place).support_read_back()
            assert isinstance(answer, GridSupport)
            assert answer.power_factor == pytest.approx(factor)
            assert answer.connected
            assert await inverter(place).end_support() is None
            await place.after(15)
            assert truth_kvar(place) == pytest.approx(0.0, abs=0.01)
            assert await inverter(place).support_read_back() == GridSupport(connected=True)

    run()


@pytest.mark.parametrize("pv", ["103", "701"])
def test_kvar_then_power_factor_only_the_last_is_in_force(pv: str) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(pv=pv, sun_kw=3.0)) as place:
            assert await inverter(place).support(GridSupport(reactive_kvar=-0.8)) is None
            await place.after(15)
            assert truth_kvar(place) == pytest.approx(-0.8, abs=0.01)
            answer = await inverter(place).support_read_back()
            assert isinstance(answer, GridSupport)
            assert answer.reactive_kvar == pytest.approx(-0.8, abs=0.01)
            assert await inverter(place).support(GridSupport(power_factor=1.0)) is None
            await place.after(15)
            assert truth_kvar(place) == pytest.approx(0.0, abs=0.01)

    run()


@stepped
async def test_a_volt_var_curve_is_adopted_read_back_and_ended(clock: Clock) -> None:
    async with a_place(clock, a_plan(pv="701", sun_kw=3.0)) as place:
        assert await inverter(place).support(GridSupport(volt_var=CURVE)) is None
        await place.after(15)
        full = truth_kvar(place)
        assert full > 0.3
        answer = await inverter(place).support_read_back()
        assert isinstance(answer, GridSupport)
        assert answer.volt_var is not None
        assert answer.volt_var.points == tuple(pytest.approx(point) for point in CURVE.points)
        assert await inverter(place).end_support() is None
        await place.after(15)
        assert truth_kvar(place) == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("pv", ["103", "701"])
def test_the_connection_opens_and_closes(pv: str) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock, a_plan(pv=pv, sun_kw=3.0)) as place:
            assert await inverter(place).support(GridSupport(connected=False)) is None
            await place.after(15)
            assert place.rig.pv.power_kw == pytest.approx(0.0, abs=0.01)
            assert await inverter(place).end_support() is None
            await place.after(60)
            assert place.rig.pv.power_kw == pytest.approx(3.0, abs=0.1)

    run()


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (GridSupport(power_factor=0.9, reactive_kvar=1.0), RefusalCode.CONFLICT),
        (GridSupport(power_factor=0.0), RefusalCode.OUT_OF_RANGE),
        (GridSupport(power_factor=1.2), RefusalCode.OUT_OF_RANGE),
        (GridSupport(volt_var=CURVE), RefusalCode.UNSUPPORTED),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(wanted: GridSupport, code: RefusalCode) -> None:
    @stepped
    async def run(clock: Clock) -> None:
        async with a_place(clock) as place:
            refusal = await inverter(place).support(wanted)
            assert isinstance(refusal, Refusal)
            assert refusal.code is code
            assert place.rig.pv.writes("123.OutPFSet_Ena") == 0

    run()


@stepped
async def test_a_curve_that_falls_or_does_not_fit_is_refused(clock: Clock) -> None:
    async with a_place(clock, a_plan(pv="701")) as place:
        for points in ((), ((1.0, 0.0), (0.9, 0.0)), tuple((1 + n / 100, 0.0) for n in range(9))):
            refusal = await inverter(place).support(GridSupport(volt_var=VoltVar(points)))
            assert isinstance(refusal, Refusal)
            assert refusal.code is RefusalCode.OUT_OF_RANGE
