// The last 48 hours in minutes: the past from the gateway's history, growing by what the live stream says.

import type { HouseClock } from "./format";
import type { Column, EnergyHistory, State } from "./model";

export const SPAN_S = 48 * 3600;
const STEP_S = 60;
/** A picture this much older than the newest minute is no late one: the house's clock was put back. */
const LATE_S = 180;

const CURVES = ["pv_kw", "house_kw", "battery_kw", "grid_kw", "soc"] as const;
export type Curve = (typeof CURVES)[number];

export interface Sums {
  produced: number;
  used: number;
  bought: number;
  sold: number;
  /** Share of the minutes since midnight that are known. */
  known: number;
}

export class History {
  times: number[] = [];
  readonly curves: Record<Curve, Column> = { pv_kw: [], house_kw: [], battery_kw: [], grid_kw: [], soc: [] };
  private samples: Record<Curve, number> = { pv_kw: 0, house_kw: 0, battery_kw: 0, grid_kw: 0, soc: 0 };

  /** Take the past; what the stream has said since stays where the past does not reach. */
  load(past: EnergyHistory): void {
    const start = Date.parse(past.start_utc) / 1000;
    const count = past.house_kw.length;
    const live = this.after(start + (count - 1) * past.step_s);
    this.times = Array.from({ length: count }, (_, index) => start + index * past.step_s);
    for (const curve of CURVES) this.curves[curve] = [...past[curve]];
    for (const row of live) this.push(row.time, row.values);
    this.forget();
  }

  /** Take the newest picture; true when a new minute has begun. */
  add(state: State): boolean {
    const now = Date.parse(state.time.utc) / 1000;
    const minute = Math.floor(now / STEP_S) * STEP_S;
    if (this.now() - minute > LATE_S) this.forgetAfter(minute - STEP_S);
    const last = this.times[this.times.length - 1];
    if (last !== undefined && minute < last) return false;
    const began = last === undefined || minute > last;
    if (began) {
      // Minutes nobody saw are gaps, not straight lines.
      const first = last === undefined ? minute : Math.max(last + STEP_S, minute - SPAN_S);
      for (let time = first; time <= minute; time += STEP_S) this.push(time, {});
      this.samples = { pv_kw: 0, house_kw: 0, battery_kw: 0, grid_kw: 0, soc: 0 };
    }
    this.refine("pv_kw", state.power.pv_kw?.value ?? null);
    this.refine("house_kw", state.power.house_kw.value);
    this.refine("battery_kw", state.power.battery_kw?.value ?? null);
    this.refine("grid_kw", state.power.grid_kw.value);
    this.refine("soc", mean(state.storages.map((storage) => storage.soc.value)));
    if (began) this.forget();
    return began;
  }

  /** The newest minute. */
  now(): number {
    return this.times[this.times.length - 1] ?? 0;
  }

  /** The first minute of which anything is known, null of none. */
  knownSince(): number | null {
    const first = this.times.findIndex((_, index) => CURVES.some((curve) => this.curves[curve][index] != null));
    return this.times[first] ?? null;
  }

  /** Energy since the house's midnight in kWh. */
  today(clock: HouseClock): Sums {
    const sums: Sums = { produced: 0, used: 0, bought: 0, sold: 0, known: 0 };
    const last = this.times[this.times.length - 1];
    if (last === undefined) return sums;
    const from = this.firstOf(clock.dayKey(new Date(last * 1000)), clock);
    for (let index = from; index < this.times.length; index++) {
      const grid = this.curves.grid_kw[index] ?? null;
      const used = this.curves.house_kw[index] ?? null;
      sums.produced += (this.curves.pv_kw[index] ?? 0) / 60;
      sums.used += (used ?? 0) / 60;
      sums.bought += Math.max(0, grid ?? 0) / 60;
      sums.sold += Math.max(0, -(grid ?? 0)) / 60;
      sums.known += grid !== null && used !== null ? 1 : 0;
    }
    sums.known /= Math.max(1, this.times.length - from);
    return sums;
  }

  private firstOf(day: string, clock: HouseClock): number {
    let low = 0;
    let high = this.times.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (clock.dayKey(new Date((this.times[middle] ?? 0) * 1000)) < day) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private refine(curve: Curve, value: number | null): void {
    const column = this.curves[curve];
    if (value === null) return;
    const seen = this.samples[curve]++;
    const before = column[column.length - 1] ?? null;
    column[column.length - 1] = before === null || seen === 0 ? value : (before * seen + value) / (seen + 1);
  }

  private push(time: number, values: Partial<Record<Curve, number | null>>): void {
    this.times.push(time);
    for (const curve of CURVES) this.curves[curve].push(values[curve] ?? null);
  }

  private after(time: number): { time: number; values: Partial<Record<Curve, number | null>> }[] {
    const rows = [];
    for (let index = 0; index < this.times.length; index++) {
      const at = this.times[index] ?? 0;
      if (at <= time) continue;
      const values: Partial<Record<Curve, number | null>> = {};
      for (const curve of CURVES) values[curve] = this.curves[curve][index] ?? null;
      rows.push({ time: at, values });
    }
    return rows;
  }

  private forgetAfter(time: number): void {
    const kept = this.times.filter((at) => at <= time).length;
    this.times.length = kept;
    for (const curve of CURVES) this.curves[curve].length = kept;
  }

  private forget(): void {
    const last = this.times[this.times.length - 1] ?? 0;
    const old = this.times.findIndex((time) => time > last - SPAN_S);
    if (old <= 0) return;
    this.times.splice(0, old);
    for (const curve of CURVES) this.curves[curve].splice(0, old);
  }
}

function mean(values: (number | null)[]): number | null {
  const known = values.filter((value): value is number => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}
