// Plan and truth of two days: prices, what each regime is for, power and state of charge on one time axis, drawn by uPlot.
// What was measured is a whole line, what is planned or forecast a dashed one.

import uPlot from "uplot";

import { byId, show, text } from "./dom";
import { ground, spread, strip, STRIP_PX, type Tone } from "./draw";
import { type HouseClock, kw, percent } from "./format";
import { legendEntry, timeAxis, tonesNow, valueAxis, zoned } from "./frame";
import type { Column } from "./model";
import { type NumberOf, type PlanSeries, STEP_S } from "./plan";
import { sentence } from "./plan_read";
import { PlanTable } from "./plan_table";

interface Pair {
  id: string;
  name: string;
  tone: string;
  done: NumberOf;
  planned: NumberOf;
  stepped: boolean;
}

const PAIRS: readonly Pair[] = [
  { id: "load", name: "House", tone: "house", done: "dLoad", planned: "pLoad", stepped: false },
  { id: "sun", name: "Sun", tone: "sun", done: "dSun", planned: "pSun", stepped: false },
  { id: "battery", name: "Battery", tone: "battery", done: "dBattery", planned: "pBattery", stepped: true },
  { id: "car", name: "Car", tone: "car", done: "dCar", planned: "pCar", stepped: true },
];
const BANDS: readonly [NumberOf, NumberOf, string][] = [
  ["loadHigh", "loadLow", "house"],
  ["sunHigh", "sunLow", "sun"],
];
const SYNC = "plan";
const DASH = [5, 4];
const HEIGHTS = { price: 118, power: 250, soc: 92 };

export class PlanChart {
  private plots: { price: uPlot; power: uPlot; soc: uPlot } | null = null;
  private readonly shown = new Map<string, boolean>(PAIRS.map((pair) => [pair.id, true]));
  private readonly buttons = new Map<string, HTMLElement>();
  private readonly values = new Map<string, HTMLElement>();
  private readonly places = { price: byId("plan-price"), power: byId("plan-power"), soc: byId("plan-soc") };
  private readonly scrubber = byId<HTMLInputElement>("plan-time");
  private readonly table: PlanTable;
  private span_h = 48;
  private zoomed: { min: number; max: number } | null = null;
  private now_s = 0;
  private chosen: number | null = null;

  constructor(
    private readonly series: PlanSeries,
    private clock: HouseClock,
  ) {
    this.table = new PlanTable(series);
    this.makeLegend();
    this.makeZoom();
    new ResizeObserver(() => this.resize()).observe(this.places.power);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
    this.scrubber.addEventListener("input", () => this.choose(Number(this.scrubber.value)));
    this.scrubber.addEventListener("blur", () => this.choose(null));
  }

  useClock(clock: HouseClock): void {
    this.clock = clock;
    this.rebuild();
  }

  draw(now_s: number): void {
    this.now_s = now_s;
    if (this.series.times.length < 2) return;
    if (this.plots === null) this.rebuild();
    const { plots } = this;
    if (plots === null) return;
    const range = this.range();
    for (const [plot, data] of [
      [plots.price, this.priceData()],
      [plots.power, this.powerData()],
      [plots.soc, this.socData()],
    ] as const) {
      plot.batch(() => {
        plot.setData(data, false);
        plot.setScale("x", range);
      });
    }
    this.showWhatThereIs();
    this.scrubOver(range);
    this.table.draw(this.clock, now_s);
    if (this.chosen === null) this.readOut(null);
  }

  private showWhatThereIs(): void {
    for (const pair of PAIRS) {
      const button = this.buttons.get(pair.id);
      if (button) show(button, this.series.has(pair.done, pair.planned));
    }
    const priced = this.series.has("buy");
    show(this.places.price, priced);
    show(byId("plan-price-title"), priced);
    const stored = this.series.has("pSoc", "dSoc");
    show(this.places.soc, stored);
    show(byId("plan-soc-title"), stored);
  }

  /** The slider moves over what is shown. */
  private scrubOver({ min, max }: { min: number; max: number }): void {
    this.scrubber.min = String(this.series.index(min));
    this.scrubber.max = String(this.series.index(max - 1));
    if (this.chosen === null) this.scrubber.value = String(this.series.index(this.now_s));
  }

  private range(): { min: number; max: number } {
    if (this.zoomed) return this.zoomed;
    // A young house's hours fill the chart; what lies ahead keeps its day.
    const first = Math.max(this.series.times[0] ?? 0, this.series.knownSince() - 3600);
    const last = (this.series.times[this.series.times.length - 1] ?? 0) + STEP_S;
    const half = (this.span_h * 3600) / 2;
    return { min: Math.max(first, this.now_s - half), max: Math.min(last, this.now_s + half) };
  }

  private rebuild(): void {
    if (this.series.times.length < 2) return;
    if (this.plots) for (const plot of Object.values(this.plots)) plot.destroy();
    const tone = tonesNow();
    this.plots = {
      price: new uPlot(this.priceOptions(tone), this.priceData(), this.places.price),
      power: new uPlot(this.powerOptions(tone), this.powerData(), this.places.power),
      soc: new uPlot(this.socOptions(tone), this.socData(), this.places.soc),
    };
  }

  private priceData(): uPlot.AlignedData {
    return [this.series.times, this.series.column("buy"), this.series.column("sell")];
  }

  private powerData(): uPlot.AlignedData {
    const done = ({ done: name, stepped }: Pair) => (stepped ? held(this.series.column(name)) : this.series.column(name));
    const pairs = PAIRS.flatMap((pair) => [done(pair), this.series.column(pair.planned)]);
    return [this.series.times, ...pairs, ...BANDS.flatMap(([high, low]) => [this.series.column(high), this.series.column(low)])];
  }

  private socData(): uPlot.AlignedData {
    return [this.series.times, this.series.column("dSoc"), this.series.column("pSoc")];
  }

  private priceOptions(tone: Tone): uPlot.Options {
    const step = uPlot.paths.stepped?.({ align: 1 });
    const line = (stroke: string, more: uPlot.Series = {}): uPlot.Series => ({ stroke, width: 1.8, points: { show: false }, ...more });
    return {
      ...this.common(tone, HEIGHTS.price),
      series: [
        {},
        line(tone("ink"), { ...(step && { paths: step }) }),
        line(tone("muted"), { width: 1.2, dash: [2, 3], ...(step && { paths: step }) }),
      ],
      scales: { y: { range: (_plot, low, high) => spread(low, high, 0.02) } },
      axes: [timeAxis(this.clock, tone, false), { ...valueAxis(tone, (value) => twoDigits.format(value)), space: 24 }],
    };
  }

  private powerOptions(tone: Tone): uPlot.Options {
    const series: uPlot.Series[] = PAIRS.flatMap((pair) => [
      this.line(pair, tone(pair.tone), false),
      this.line(pair, tone(pair.tone), true),
    ]);
    const edges: uPlot.Series[] = BANDS.flatMap(() => [
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
    ]);
    const first = 1 + series.length;
    const common = this.common(tone, HEIGHTS.power);
    return {
      ...common,
      padding: [STRIP_PX + 12, 16, 0, 0],
      series: [{}, ...series, ...edges],
      bands: BANDS.map(([, , name], index) => ({ series: [first + 2 * index, first + 2 * index + 1], fill: `${tone(name)}1f` })),
      scales: { y: { range: (_plot, low, high) => spread(Math.min(low, 0), Math.max(high, 0.5), 0.1) } },
      axes: [timeAxis(this.clock, tone, true), valueAxis(tone, (value) => `${value} kW`)],
      hooks: { ...common.hooks, drawAxes: [(plot) => strip(plot, this.series, tone)] },
    };
  }

  private socOptions(tone: Tone): uPlot.Options {
    const stroke = tone("battery");
    return {
      ...this.common(tone, HEIGHTS.soc),
      series: [
        {},
        { stroke, width: 1.8, fill: `${stroke}22`, points: { show: false } },
        { stroke, width: 1.4, dash: DASH, points: { show: false } },
      ],
      scales: { y: { range: [0, 1] } },
      axes: [timeAxis(this.clock, tone, false), { ...valueAxis(tone, (value) => percent(value)), splits: () => [0, 0.5, 1] }],
    };
  }

  private line(pair: Pair, stroke: string, planned: boolean): uPlot.Series {
    const paths = pair.stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
    return {
      stroke,
      show: this.shown.get(pair.id) ?? true,
      width: planned ? 1.4 : 1.9,
      ...(planned ? { dash: DASH } : {}),
      ...(paths && { paths }),
      points: { show: false },
      spanGaps: false,
    };
  }

  private common(tone: Tone, height: number): Omit<uPlot.Options, "series"> {
    return {
      width: this.width(),
      height,
      tzDate: zoned(this.clock),
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: {
        sync: { key: SYNC, setSeries: false },
        drag: { x: window.matchMedia("(pointer: fine)").matches, y: false, setScale: false },
        points: { show: false },
        y: false,
      },
      hooks: {
        drawClear: [(plot) => ground(plot, this.now_s, tone)],
        setCursor: [(plot) => this.hovered(plot)],
        setSelect: [(plot) => this.selected(plot)],
        ready: [(plot) => plot.over.addEventListener("dblclick", () => this.zoom(null))],
      },
    };
  }

  private makeLegend(): void {
    PAIRS.forEach((pair, index) => {
      const { button, value } = legendEntry(pair.name, pair.tone, () => this.toggle(pair.id, index));
      byId("plan-legend").append(button);
      this.buttons.set(pair.id, button);
      this.values.set(pair.id, value);
    });
  }

  private toggle(id: string, pair: number): boolean {
    const shown = !this.shown.get(id);
    this.shown.set(id, shown);
    for (const at of [1, 2]) this.plots?.power.setSeries(2 * pair + at, { show: shown });
    return shown;
  }

  private makeZoom(): void {
    for (const button of byId("plan-zoom").querySelectorAll("button")) {
      button.addEventListener("click", () => {
        this.span_h = Number(button.dataset.hours);
        this.zoom(null);
      });
    }
  }

  private zoom(range: { min: number; max: number } | null): void {
    this.zoomed = range;
    for (const button of byId("plan-zoom").querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(range === null && Number(button.dataset.hours) === this.span_h));
    }
    this.draw(this.now_s);
  }

  private selected(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 8) return;
    const range = { min: plot.posToVal(left, "x"), max: plot.posToVal(left + width, "x") };
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (range.max - range.min >= 2 * STEP_S) this.zoom(range);
  }

  private hovered(plot: uPlot): void {
    if (plot.cursor.left == null || plot.cursor.left < 0) {
      if (document.activeElement !== this.scrubber) this.choose(null);
      return;
    }
    this.choose(this.series.index(plot.posToVal(plot.cursor.left, "x")), false);
  }

  private choose(index: number | null, moves = true): void {
    this.chosen = index;
    this.readOut(index);
    if (index === null || !moves || this.plots === null) return;
    const time = this.series.times[index];
    if (time === undefined) return;
    for (const plot of Object.values(this.plots)) {
      plot.setCursor({ left: plot.valToPos(time + STEP_S / 2, "x"), top: 10 }, false);
    }
  }

  private readOut(index: number | null): void {
    const at = index ?? this.series.index(this.now_s);
    const one = this.series.quarters[at];
    const time = this.series.times[at];
    if (one === undefined || time === undefined) return;
    for (const pair of PAIRS) {
      const value = this.values.get(pair.id);
      if (value) text(value, kw(one[pair.done] ?? one[pair.planned]));
    }
    const said = sentence(one, new Date(time * 1000), this.clock);
    text(byId("plan-readout"), said);
    this.scrubber.setAttribute("aria-valuetext", said);
  }

  private width(): number {
    return Math.max(200, this.places.power.clientWidth);
  }

  private resize(): void {
    const width = this.width();
    if (this.plots === null || Math.abs(this.plots.power.width - width) <= 1) return;
    for (const name of ["price", "power", "soc"] as const) this.plots[name].setSize({ width, height: HEIGHTS[name] });
  }
}

/** The quarter that runs is a step like the others: its end is drawn, too. */
function held(column: Column): Column {
  const last = column.findLastIndex((value) => value !== null);
  return column.map((value, index) => (index === last + 1 && last >= 0 ? (column[last] ?? null) : value));
}

const twoDigits = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
