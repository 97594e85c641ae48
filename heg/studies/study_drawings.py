"""Backtests and sizings as drawings."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from heg.studies.backtest import RunName, cumulative_saving_eur
from heg.studies.drawing import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from heg.studies.backtest import Backtested
    from heg.studies.sizing import Answer

_TONES = {RunName.RULE: "#4a4a4a", RunName.EBR: "#2a7f4f", RunName.EBR_PERFECT: "#1f5fa8"}
_WORDS = {RunName.RULE: "self-consumption", RunName.EBR: "heg", RunName.EBR_PERFECT: "heg, perfect foresight"}


def drawn_backtest(found: Backtested) -> Figure:
    """Return what each way saves on the bill as days go by, and what all cost. Raises `DrawingError`."""
    figure = new_figure(11.0, 6.0)
    saved, cost = figure.subplots(1, 2, width_ratios=(3, 1))
    study = found.study
    start = study.recording.start + study.first * timedelta(minutes=study.recording.slot_minutes)
    for name, tone in _TONES.items():
        sums = cumulative_saving_eur(found, name)
        days = [start + timedelta(days=day) for day in range(len(sums) + 1)]
        saved.plot(days, [0.0, *sums], color=tone, label=_WORDS[name])
    saved.set_ylabel("EUR saved on the bill")
    saved.legend(frameon=False)
    saved.tick_params(axis="x", labelrotation=30)
    saved.grid(visible=True, linewidth=0.4, alpha=0.5)
    words = ["no battery", *_WORDS.values()]
    cost.bar(words, [found.cost_eur(name) for name in RunName], color=["#b02a2a", *_TONES.values()])
    cost.set_ylabel("EUR, what is left in the battery taken off")
    cost.tick_params(axis="x", labelrotation=60)
    battery = study.battery
    figure.suptitle(f"{battery.capacity_kwh:g} kWh, {battery.max_rate_kw:g} kW: {len(sums)} days")
    return figure


def drawn_sizing(answer: Answer) -> Figure:
    """Return what batteries save by capacity, before and after their own price. Raises `DrawingError`."""
    figure = new_figure(9.0, 6.0)
    axes = figure.subplots()
    kwh = [each.capacity_kwh for each in answer.curve]
    axes.plot(
        kwh, [each.saving_eur_per_year for each in answer.curve], "o-", color="#1f5fa8", label="saves on the bill"
    )
    net = [each.net_eur_per_year for each in answer.curve]
    if answer.question.recording.co2_eur_per_kwh:
        co2 = [each.co2_saving_eur_per_year for each in answer.curve]
        axes.plot(kwh, co2, "o-", color="#7a7a7a", label="saves in CO2")
    axes.plot(kwh, net, "o-", color="#2a7f4f", label="net of its price" + (", with CO2" if answer.counts_co2 else ""))
    for each in answer.curve[1:]:
        axes.annotate(
            f"{each.rate_kw:.1f} kW",
            (each.capacity_kwh, each.net_eur_per_year),
            xytext=(7, -13),
            textcoords="offset points",
            fontsize="small",
        )
    axes.axvline(answer.best.capacity_kwh, color="#b02a2a", linewidth=0.8)
    axes.axhline(0.0, color="black", linewidth=0.6)
    axes.set_xlabel("kWh")
    axes.set_ylabel("EUR a year")
    axes.legend(frameon=False)
    axes.grid(visible=True, linewidth=0.4, alpha=0.5)
    figure.suptitle(f"Best: {answer.best.capacity_kwh:.1f} kWh with {answer.best.rate_kw:.1f} kW")
    return figure
