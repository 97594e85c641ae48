// The curves of the last 48 hours, drawn by uPlot: power above, state of charge below, on one time axis.

import uPlot from "uplot";

import { byId, text } from "./dom";
import { type Tone, zeroLine } from "./draw";
import { type HouseClock, kw, percent } from "./format";
import { legendEntry, timeAxis, tonesNow, valueAxis, zoned } from "./frame";
import type { Curve, History } from "./history";
import { SPAN_S } from "./history";

interface Line {
  curve: Curve;
  name: string;
  tone: string;
  area: boolean;
}

const LINES: readonly Line[] = [
  { curve: "pv_kw", name: "Sun", tone: "sun", area: true },
  { curve: "house_kw", name: "House", tone: "house", area: false },
  { curve: "battery_kw", name: "Battery", tone: "battery", area: false },
  { curve: "grid_kw", name: "Grid", tone: "grid", area: false },
];
const SYNC = "past";
const SHORTEST_S = 3600;

export class PastChart {
  private power: uPlot | null = null;
  private soc: uPlot | null = null;
  private readonly shown = new Map<Curve, boolean>(LINES.map((line) => [line.curve, true]));
  private readonly values = new Map<Curve, HTMLElement>();
  private readonly powerPlace = byId("chart");
  private readonly socPlace = byId("chart-soc");
  private hasStorage = true;

  constructor(
    private readonly history: History,
    private clock: HouseClock,
  ) {
    this.makeLegend();
    new ResizeObserver(() => this.resize()).observe(this.powerPlace);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.rebuild());
  }

  useClock(clock: HouseClock): void {
    if (clock.zone === this.clock.zone) return;
    this.clock = clock;
    this.rebuild();
  }

  draw(): void {
    if (this.history.times.length < 2) return;
    if (this.power === null) this.rebuild();
    const now = this.history.now();
    // A young gateway's few hours fill the chart instead of a sliver of it.
    const known_s = now - (this.history.knownSince() ?? now);
    const range = { min: now - Math.min(SPAN_S, Math.max(SHORTEST_S, known_s)), max: now };
    this.power?.batch(() => {
      this.power?.setData(this.powerData(), false);
      this.power?.setScale("x", range);
    });
    this.soc?.batch(() => {
      this.soc?.setData([this.history.times, this.history.curves.soc], false);
      this.soc?.setScale("x", range);
    });
    if (this.power?.cursor.idx == null) this.legendAt(null);
    const stored = this.history.curves.soc.some((value) => value !== null);
    if (stored !== this.hasStorage) {
      this.hasStorage = stored;
      this.socPlace.hidden = !stored;
      byId("soc-title").hidden = !stored;
    }
  }

  private rebuild(): void {
    if (this.history.times.length < 2) return;
    this.power?.destroy();
    this.soc?.destroy();
    const tone = tonesNow();
    this.power = new uPlot(this.powerOptions(tone), this.powerData(), this.powerPlace);
    this.soc = new uPlot(this.socOptions(tone), [this.history.times, this.history.curves.soc], this.socPlace);
  }

  private powerData(): uPlot.AlignedData {
    return [this.history.times, ...LINES.map((line) => this.history.curves[line.curve])];
  }

  private powerOptions(tone: Tone): uPlot.Options {
    return {
      ...this.common(),
      height: 280,
      series: [{}, ...LINES.map((line) => this.series(line, tone(line.tone)))],
      scales: { y: { range: (_plot, low, high) => [Math.min(-0.5, low * 1.08), Math.max(1, high * 1.08)] } },
      axes: [timeAxis(this.clock, tone, true), valueAxis(tone, (value) => `${value} kW`)],
      hooks: {
        setCursor: [(plot) => this.legendAt(plot.cursor.idx ?? null)],
        drawAxes: [(plot) => zeroLine(plot, tone("muted"))],
      },
    };
  }

  private socOptions(tone: Tone): uPlot.Options {
    const stroke = tone("battery");
    return {
      ...this.common(),
      height: 96,
      series: [{}, { stroke, width: 1.5, fill: `${stroke}26`, points: { show: false } }],
      scales: { y: { range: [0, 1] } },
      axes: [
        timeAxis(this.clock, tone, false),
        { ...valueAxis(tone, (value) => percent(value)), splits: () => [0, 0.5, 1] },
      ],
    };
  }

  private common(): Omit<uPlot.Options, "series" | "height"> {
    return {
      width: Math.max(200, this.powerPlace.clientWidth),
      tzDate: zoned(this.clock),
      padding: [8, 4, 0, 0],
      legend: { show: false },
      cursor: { sync: { key: SYNC }, drag: { x: false, y: false }, points: { size: 7 }, y: false },
    };
  }

  private series(line: Line, stroke: string): uPlot.Series {
    return {
      stroke,
      show: this.shown.get(line.curve) ?? true,
      width: line.area ? 1 : 1.6,
      ...(line.area ? { fill: `${stroke}38` } : {}),
      points: { show: false },
      spanGaps: false,
    };
  }

  private makeLegend(): void {
    LINES.forEach((line, index) => {
      const { button, value } = legendEntry(line.name, line.tone, () => this.toggle(line.curve, index + 1));
      byId("legend").append(button);
      this.values.set(line.curve, value);
    });
  }

  private toggle(curve: Curve, series: number): boolean {
    const shown = !this.shown.get(curve);
    this.shown.set(curve, shown);
    this.power?.setSeries(series, { show: shown });
    return shown;
  }

  private legendAt(index: number | null): void {
    const at = index ?? this.history.times.length - 1;
    for (const line of LINES) {
      const value = this.values.get(line.curve);
      if (value) text(value, kw(this.history.curves[line.curve][at] ?? null));
    }
  }

  private resize(): void {
    const width = Math.max(200, this.powerPlace.clientWidth);
    if (this.power && Math.abs(this.power.width - width) > 1) {
      this.power.setSize({ width, height: 280 });
      this.soc?.setSize({ width, height: 96 });
    }
  }
}
