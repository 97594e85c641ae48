"""What `heg status` says of the plan."""

from __future__ import annotations

from heg.cli.gateway_commands import plan_lines
from heg.cli.zones import in_zone
from heg.web.plan_messages import Decision, Expected, Lack, NextChange, PlanNow, PriceOutlook


def test_the_plan_is_two_lines_of_which_the_second_says_what_it_lacks() -> None:
    charging = Decision(
        regime="charge",
        power_kw=2.0,
        regime_kw=2.0,
        ends_at_soc=None,
        reason="cheap_now",
        text="Charges.",
        price_now=0.1,
        price_later=0.3,
        later_utc=None,
        worth=0.2,
        binding="",
        binding_worth=0.0,
        next=NextChange(at_utc="2024-08-09T13:00:00Z", regime="balance", power_kw=0.0),
    )
    prices = PriceOutlook(import_now=0.1, export_now=0.0, low=0.1, low_utc="", high=0.3, high_utc="")
    plan = PlanNow(
        revision=7,
        status="degraded",
        age_s=61,
        slot_minutes=15,
        ends_utc="2024-08-10T12:00:00Z",
        storage=charging,
        vehicle=None,
        prices=prices,
        expected=Expected(hours=24.0, demand_kwh=9.0, production_kwh=0.0),
        lacks=(Lack(code="co2_missing", text="It counts as nothing.", mend="configure a feed"),),
    )
    assert list(plan_lines(plan, in_zone("Europe/Berlin"))) == [
        "plan degraded, 61 s old: charge; balance from 2024-08-09 15:00; energy costs 0.100 EUR/kWh",
        "planned without: co2_missing: It counts as nothing.",
    ]


def test_a_zone_or_a_moment_that_is_none_is_borne() -> None:
    assert in_zone("Nowhere/Land")("2024-08-09T13:00:00Z") == "2024-08-09 13:00"
    assert in_zone("../etc/passwd")("0001-01-01T00:00:00+14:00").startswith("0001")
    assert in_zone("Europe/Berlin")("some day") == "some day"
