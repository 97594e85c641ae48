"""Appliances as automation sees them."""

from heg.model.instance import Location, Quality
from heg.runtime.clock import Clock
from heg.services.automation.sight import Sight
from tests.services.automation.scene import ON, STANDBY, scene
from tests.support.stepped import stepped


@stepped
async def test_what_it_draws_at_rest_is_not_what_it_draws_at_work(clock: Clock) -> None:
    async with scene(clock) as house:
        sight = Sight(house.owner, clock, "home")
        house.appliance("tank", ON, rated_kw=2.0)
        assert sight.look()["tank"].kw == 2.0
        house.driver.write("power.active", Location("home", "tank"), 1.8)
        assert sight.look()["tank"].kw == 1.8
        house.driver.write("power.active", Location("home", "tank"), 0.3, quality=Quality.STALE)
        assert sight.look()["tank"].kw == 2.0, "what a lost meter said last is no measurement"
        house.is_in("tank", STANDBY)
        house.driver.write("power.active", Location("home", "tank"), 0.05)
        assert sight.look()["tank"].kw == 2.0, "so much is needed when it comes back"
