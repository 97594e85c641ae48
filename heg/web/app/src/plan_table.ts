// The plan as a table: for screen readers, for exact figures, and where no canvas is wanted. Filled only while it is open.

import { byId, make } from "./dom";
import { type HouseClock, kw, percent, price } from "./format";
import type { PlanSeries, Quarter } from "./plan";
import * as words from "./words";

export class PlanTable {
  private readonly details = byId<HTMLDetailsElement>("plan-details");
  private readonly rows = byId("plan-rows");
  private drawn = "";
  private clock: HouseClock | null = null;
  private now_s = 0;

  constructor(private readonly series: PlanSeries) {
    this.details.addEventListener("toggle", () => this.clock && this.draw(this.clock, this.now_s));
  }

  draw(clock: HouseClock, now_s: number): void {
    this.clock = clock;
    this.now_s = now_s;
    if (!this.details.open) return;
    const hours = this.series.times.map((_, index) => index).filter((index) => (this.series.times[index] ?? 0) % 3600 === 0);
    const rows = hours.map((index) => this.cells(index));
    const said = rows.map((row) => row.join("|")).join("\n");
    if (said === this.drawn) return;
    this.drawn = said;
    this.rows.replaceChildren(...rows.map((cells) => line(cells)));
  }

  private cells(index: number): string[] {
    const time = new Date((this.series.times[index] ?? 0) * 1000);
    const one = this.series.quarters[index];
    const when = this.clock ? `${this.clock.time(time)} ${this.clock.day(time)}` : "";
    return one ? [when, ...figures(one)] : [when];
  }
}

function figures(one: Quarter): string[] {
  return [
    one.buy === null ? "–" : price(one.buy),
    pair(one.dLoad, one.pLoad),
    pair(one.dSun, one.pSun),
    pair(one.dBattery, one.pBattery),
    one.dSoc === null && one.pSoc === null ? "–" : `${one.dSoc === null ? "–" : percent(one.dSoc)} / ${one.pSoc === null ? "–" : percent(one.pSoc)}`,
    one.regime ? words.regimeName(one.regime) : "–",
  ];
}

function pair(done: number | null, planned: number | null): string {
  return `${done === null ? "–" : kw(done)} / ${planned === null ? "–" : kw(planned)}`;
}

function line([when, ...cells]: string[]): HTMLElement {
  const head = make("th", "", when ?? "");
  head.scope = "row";
  return make("tr", "", head, ...cells.map((cell) => make("td", "", cell)));
}
