// The next seven days: a bar for what the house needs and one for what the sun gives, each with its band.

import uPlot from "uplot";

import { week as askWeek } from "./api";
import { byId, make, show, text } from "./dom";
import type { Tone } from "./draw";
import { type HouseClock, kwh } from "./format";
import { legendEntry, timeAxis, tonesNow, valueAxis } from "./frame";
import type { DayAhead, Energy, State, WeekState } from "./model";
import { caution, highest, middle, missing, shown, title, told } from "./week_read";

const HEIGHT = 190;
/** It is reckoned once an hour of house time; so often it is looked whether there is another (real time). */
const REFRESH_MS = 60_000;
const LEAST_MS = 5000;

interface Bar {
  name: string;
  tone: string;
  side: -1 | 1;
  of: (day: DayAhead) => Energy | null;
}

const BARS: readonly Bar[] = [
  { name: "House", tone: "house", side: -1, of: (day) => day.demand },
  { name: "Sun", tone: "sun", side: 1, of: (day) => day.production },
];

export class WeekView {
  private state: WeekState | null = null;
  private days: DayAhead[] = [];
  private plot: uPlot | null = null;
  private asked = -REFRESH_MS;
  private asking = false;
  private readonly off = new Set<Bar>();
  private readonly sums = new Map<Bar, { button: HTMLElement; value: HTMLElement }>();
  private readonly place = byId("week-chart");

  constructor(private clock: HouseClock) {
    for (const bar of BARS) {
      const entry = legendEntry(bar.name, bar.tone, () => this.toggle(bar));
      byId("week-legend").append(entry.button);
      this.sums.set(bar, entry);
    }
    new ResizeObserver(() => this.resize()).observe(this.place);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
  }

  useClock(clock: HouseClock): void {
    this.clock = clock;
    this.draw();
  }

  /** The connection was lost for a while: what is known may be old. */
  reload(): void {
    this.asked = -REFRESH_MS;
  }

  show(state: State): void {
    // Where nothing is planned, the page says so once, in Why.
    const wanted = state.planning && !state.looking;
    show(byId("week"), wanted);
    if (wanted) void this.follow();
  }

  private async follow(): Promise<void> {
    const waits = this.state?.week ? REFRESH_MS : LEAST_MS;
    if (this.asking || document.hidden || performance.now() - this.asked < waits) return;
    this.asking = true;
    this.asked = performance.now();
    try {
      const told = await askWeek();
      const same = this.state !== null && told.week?.revision === this.state.week?.revision && told.planning === this.state.planning;
      this.state = told;
      if (!same) this.draw();
      document.body.dataset.week = told.week ? "loaded" : "none";
    } catch (error) {
      this.note(`The days ahead cannot be shown now. ${error instanceof Error ? error.message : ""}`);
    } finally {
      this.asking = false;
    }
  }

  private draw(): void {
    if (this.state === null) return;
    const lack = missing(this.state);
    this.days = lack ? [] : shown(this.state.week?.days ?? []);
    show(byId("week-shown"), this.days.length > 0);
    this.note(lack || caution(this.state));
    byId("week-rows").replaceChildren(...this.days.map((day) => this.row(day)));
    for (const [bar, { button, value }] of this.sums) {
      const told = this.days.map(bar.of).filter((energy) => energy !== null);
      show(button, told.length > 0);
      text(value, kwh(told.reduce((sum, energy) => sum + energy.kwh, 0)));
    }
    this.rebuild();
  }

  private note(words: string): void {
    text(byId("week-note"), words);
    show(byId("week-note"), words !== "");
  }

  private row(day: DayAhead): HTMLElement {
    const name = make("th", "", title(day, this.clock));
    name.scope = "row";
    return make("tr", "", name, make("td", "", told(day.demand)), make("td", "", told(day.production)));
  }

  private toggle(bar: Bar): boolean {
    if (!this.off.delete(bar)) this.off.add(bar);
    this.plot?.redraw();
    return !this.off.has(bar);
  }

  private rebuild(): void {
    this.plot?.destroy();
    this.plot = null;
    if (this.days.length === 0) return;
    const tone = tonesNow();
    // Side by side whatever their hours: the first and the last day are parts.
    const places = this.days.map((_, index) => index);
    this.plot = new uPlot(
      {
        width: this.width(),
        height: HEIGHT,
        padding: [8, 4, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        series: [{}, ...BARS.map(() => ({ paths: () => null, points: { show: false } }))],
        scales: {
          x: { time: false, range: [-0.5, this.days.length - 0.5] },
          y: { range: [0, highest(this.days) * 1.06] },
        },
        axes: [
          { ...timeAxis(this.clock, tone, true), size: 28, grid: { show: false }, splits: () => places, values: () => this.names() },
          valueAxis(tone, (value) => `${value} kWh`),
        ],
        hooks: { draw: [(plot) => this.bars(plot, tone)] },
      },
      [places, ...BARS.map((bar) => this.days.map((day) => bar.of(day)?.kwh ?? null))],
      this.place,
    );
  }

  private names(): string[] {
    const narrow = this.width() / this.days.length < 84;
    return this.days.map((day) => {
      const name = this.clock.day(new Date(middle(day) * 1000));
      return narrow ? (name.split(/[\s,]/)[0] ?? name) : name;
    });
  }

  private bars(plot: uPlot, tone: Tone): void {
    const { ctx } = plot;
    const slot = plot.valToPos(1, "x", true) - plot.valToPos(0, "x", true);
    const wide = slot * (this.days.some((day) => day.production) ? 0.3 : 0.5);
    const y = (value: number) => plot.valToPos(value, "y", true);
    ctx.save();
    for (const bar of BARS) {
      if (this.off.has(bar)) continue;
      for (const [index, day] of this.days.entries()) {
        const energy = bar.of(day);
        if (energy === null) continue;
        const x = plot.valToPos(index, "x", true) + (day.production ? (bar.side * slot) / 6 : 0);
        ctx.fillStyle = tone(bar.tone);
        ctx.globalAlpha = 0.75;
        ctx.fillRect(x - wide / 2, y(energy.kwh), wide, y(0) - y(energy.kwh));
        ctx.globalAlpha = 1;
        whisker(ctx, x, y(energy.low_kwh), y(energy.high_kwh), wide / 3, tone("ink"));
      }
    }
    ctx.restore();
  }

  private width(): number {
    return Math.max(200, this.place.clientWidth);
  }

  private resize(): void {
    if (this.plot && Math.abs(this.plot.width - this.width()) > 1) this.plot.setSize({ width: this.width(), height: HEIGHT });
  }
}

/** The band of a bar: an upright line with a foot at each end. */
function whisker(ctx: CanvasRenderingContext2D, x: number, low: number, high: number, wide: number, stroke: string): void {
  ctx.strokeStyle = stroke;
  ctx.lineWidth = Math.max(1, uPlot.pxRatio);
  ctx.beginPath();
  ctx.moveTo(x, low);
  ctx.lineTo(x, high);
  for (const at of [low, high]) {
    ctx.moveTo(x - wide / 2, at);
    ctx.lineTo(x + wide / 2, at);
  }
  ctx.stroke();
}
