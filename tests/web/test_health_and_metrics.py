"""Health and metrics: 200 only while the unit does its work, and text that Prometheus can read."""

import math
import re

from hypothesis import example, given
from hypothesis import strategies as st

from heg.model.instance import Location
from heg.model.records import HealthRecord, Severity
from heg.runtime.clock import Clock
from heg.web.metrics import Family, quantile, render
from tests.support.stepped import stepped
from tests.web.house import PV
from tests.web.serving import serving

LINE = re.compile(r'^[a-z_]+(\{([a-z]+="(?:[^"\\\n]|\\["\\n])*"(,|(?=\})))*\})? (NaN|[+-]Inf|-?[0-9.e+-]+)$')


@stepped
async def test_healthy_while_cycles_complete(clock: Clock) -> None:
    async with serving(clock) as served:
        before = await served.get("/healthz")
        served.house.tick()
        after = await served.get("/healthz")
        await clock.sleep(11.0)
        late = await served.get("/healthz")
    assert (before.status, before.json["reasons"]) == (503, ["no control cycle has completed yet"])
    assert (after.status, after.json["healthy"]) == (200, True)
    assert late.status == 503
    assert "11 s ago" in late.json["reasons"][0]


@stepped
async def test_a_task_that_does_not_run_is_named(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.tick()
        served.house.task(HealthRecord("modbus", running=False, restarts=4, last_error="no route to bus"))
        state = (await served.get("/api/v1/state")).json
        said = await served.get("/healthz")
        asked = await served.get("/api/v1/health")
    assert said.status == 503
    assert said.json["reasons"] == ["task modbus is not running: no route to bus"]
    assert asked.status == 200
    assert (state["healthy"], state["unwell"]) == (False, said.json["reasons"])


@stepped
async def test_metrics_say_what_matters(clock: Clock) -> None:
    async with serving(clock) as served:
        for seconds in (0.001, 0.002, 0.003, 0.1):
            served.house.report("self.cycle_time", "", seconds)
            await clock.sleep(1.0)
        served.house.tick()
        for device in ("", "battery", "meter"):
            served.house.door.write("self.refusals", Location("home", device, "conflict"), 2.0)
        served.house.lose(PV)
        served.house.alarm("silent", Severity.WARNING, "The PV inverter is silent.", "See its power.")
        await served.get("/api/v1/state", Host="evil.example")
        said = await served.get("/metrics")
    assert said.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    for line in (
        'heg_cycle_seconds{quantile="0.5"} 0.0021',
        'heg_cycle_seconds{quantile="0.99"} 0.1',
        'heg_devices{status="attached"} 2.0',
        'heg_devices{status="lost"} 1.0',
        'heg_alarms{severity="warning"} 1.0',
        'heg_lease_state{device="battery",state="confirmed",regime="balance",owner="idle"} 1.0',
        'heg_refusals_total{at="web",reason="host"} 1.0',
        'heg_refusals_total{at="door",reason="conflict"} 2.0',
        'heg_refusals_total{at="battery",reason="conflict"} 2.0',
        'heg_refusals_total{at="meter",reason="conflict"} 2.0',
        "heg_memory_bytes 50855936.0",
    ):
        assert line in said.text.splitlines(), line
    samples = [line.rpartition(" ")[0] for line in said.text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples)), "each sample once"
    for line in said.text.splitlines():
        assert line.startswith(("# HELP ", "# TYPE ")) or LINE.match(line), line


@example('say "no" \\ or\nelse', 1.0)
@given(st.text(max_size=40), st.floats())
def test_no_label_and_no_number_breaks_a_line(label: str, value: float) -> None:
    text = render(Family("heg_x", "gauge", "x", [({"name": label}, value)]))
    *_, last, empty = text.split("\n")
    assert empty == ""
    assert text.count("\n") == 3
    assert LINE.match(last)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.sampled_from([0.0, 0.5, 0.99, 1.0]))
def test_a_quantile_is_one_of_the_values(values: list[float], share: float) -> None:
    found = quantile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


def test_a_quantile_of_nothing_is_no_number() -> None:
    assert math.isnan(quantile([], 0.5))
