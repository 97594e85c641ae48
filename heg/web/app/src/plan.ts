// Plan and truth of two days on one grid of quarter hours: what was planned and done before now, what is planned ahead.

import type { Column, PlanPast, PlanWhole, Words } from "./model";

export const STEP_S = 900;
export const BACK_S = 24 * 3600;
export const AHEAD_S = 24 * 3600;

/** One quarter hour. `p` stands for planned or forecast, `d` for done. Power in kW, prices in EUR/kWh. */
export interface Quarter {
  dLoad: number | null;
  dSun: number | null;
  dBattery: number | null;
  dCar: number | null;
  dGrid: number | null;
  dSoc: number | null;
  pLoad: number | null;
  pSun: number | null;
  pBattery: number | null;
  pCar: number | null;
  pGrid: number | null;
  pSoc: number | null;
  loadLow: number | null;
  loadHigh: number | null;
  sunLow: number | null;
  sunHigh: number | null;
  buy: number | null;
  sell: number | null;
  regime: string | null;
  status: string | null;
  reason: string | null;
  text: string | null;
}

export type NumberOf = { [Key in keyof Quarter]: Quarter[Key] extends number | null ? Key : never }[keyof Quarter];

const NOTHING: Quarter = {
  dLoad: null, dSun: null, dBattery: null, dCar: null, dGrid: null, dSoc: null,
  pLoad: null, pSun: null, pBattery: null, pCar: null, pGrid: null, pSoc: null,
  loadLow: null, loadHigh: null, sunLow: null, sunHigh: null,
  buy: null, sell: null, regime: null, status: null, reason: null, text: null,
};

export class PlanSeries {
  times: number[] = [];
  quarters: Quarter[] = [];
  private readonly past = new Map<number, Quarter>();
  private ahead = new Map<number, Quarter>();
  private aheadFrom = Infinity;

  /** Take what was planned and done; later answers replace earlier ones of the same quarter. */
  addPast(told: PlanPast): void {
    const start = seconds(told.start_utc);
    told.done.demand_kw.forEach((_, index) => this.past.set(start + index * told.step_s, pastQuarter(told, index)));
  }

  /** Take the plan in force, whatever the length of its slots. */
  setPlan(plan: PlanWhole | null): void {
    this.ahead = new Map();
    this.aheadFrom = Infinity;
    if (plan === null) return;
    const start = seconds(plan.start_utc);
    const end = start + plan.demand_kw.length * plan.step_s;
    this.aheadFrom = floor(start);
    for (let time = this.aheadFrom; time < end; time += STEP_S) this.ahead.set(time, aheadQuarter(plan, start, time));
  }

  /** Lay the grid anew around a time; what is older than the window is forgotten. */
  arrange(now_s: number): void {
    const here = floor(now_s);
    const first = here - BACK_S;
    for (const time of [...this.past.keys()]) if (time < first || time > here) this.past.delete(time);
    const last = Math.max(here, Math.min(here + AHEAD_S, ...(this.ahead.size ? [Math.max(...this.ahead.keys())] : [here])));
    this.times = [];
    this.quarters = [];
    for (let time = first; time <= last; time += STEP_S) {
      this.times.push(time);
      this.quarters.push(this.quarter(time));
    }
  }

  /** From when on the past should be asked for: the last quarter that is known may have grown since. */
  missingFrom(now_s: number): number {
    const here = floor(now_s);
    for (let time = here; time >= here - BACK_S; time -= STEP_S) if (this.past.has(time)) return time;
    return here - BACK_S;
  }

  forgetPast(): void {
    this.past.clear();
  }

  column(name: NumberOf): Column {
    return this.quarters.map((one) => one[name]);
  }

  /** Where a time lies on the grid. */
  index(time_s: number): number {
    return Math.min(this.times.length - 1, Math.max(0, Math.round((floor(time_s) - (this.times[0] ?? 0)) / STEP_S)));
  }

  /** The first quarter of which anything is known. */
  knownSince(): number {
    const first = this.quarters.findIndex((one) => Object.values(one).some((value) => value !== null));
    return this.times[Math.max(0, first)] ?? 0;
  }

  has(...names: NumberOf[]): boolean {
    return this.quarters.some((one) => names.some((name) => one[name] !== null));
  }

  private quarter(time: number): Quarter {
    const was = this.past.get(time) ?? NOTHING;
    const will = time >= this.aheadFrom ? this.ahead.get(time) : undefined;
    if (will === undefined) return was;
    // What was done stands; what is planned now replaces what was planned when the slot began.
    return { ...will, dLoad: was.dLoad, dSun: was.dSun, dBattery: was.dBattery, dCar: was.dCar, dGrid: was.dGrid, dSoc: was.dSoc };
  }
}

function pastQuarter({ done, planned }: PlanPast, at: number): Quarter {
  const number = (column: Column) => column[at] ?? null;
  const word = (column: Words) => column[at] ?? null;
  return {
    ...NOTHING,
    dLoad: number(done.demand_kw),
    dSun: number(done.production_kw),
    dBattery: number(done.battery_kw),
    dCar: number(done.vehicle_kw),
    dGrid: number(done.grid_kw),
    dSoc: number(done.soc),
    pLoad: number(planned.demand_kw),
    pSun: number(planned.production_kw),
    pBattery: number(planned.battery_kw),
    pCar: number(planned.vehicle_kw),
    pGrid: number(planned.grid_kw),
    pSoc: number(planned.soc),
    buy: number(planned.import_eur_per_kwh),
    sell: number(planned.export_eur_per_kwh),
    regime: word(planned.regime),
    status: word(planned.status),
    reason: word(planned.reason),
    text: word(planned.text),
  };
}

function aheadQuarter(plan: PlanWhole, start: number, time: number): Quarter {
  const first = Math.max(0, Math.floor((time - start) / plan.step_s));
  const count = Math.max(1, Math.round(STEP_S / plan.step_s));
  const mean = (values: readonly number[] | undefined) => meanOf((values ?? []).slice(first, first + count));
  const { storage, vehicle } = plan;
  return {
    ...NOTHING,
    pLoad: mean(plan.demand_kw),
    pSun: mean(plan.production_kw),
    pBattery: mean(storage?.power_kw),
    pCar: mean(vehicle?.power_kw),
    pGrid: mean(plan.grid_kw),
    pSoc: socAt(storage?.soc ?? [], (time - start) / plan.step_s),
    loadLow: mean(plan.demand_low_kw),
    loadHigh: mean(plan.demand_high_kw),
    sunLow: mean(plan.production_low_kw),
    sunHigh: mean(plan.production_high_kw),
    buy: mean(plan.import_eur_per_kwh),
    sell: mean(plan.export_eur_per_kwh),
    regime: storage?.regime[first] ?? null,
    status: plan.status,
    reason: storage?.reason[first] ?? null,
    text: storage?.text[first] ?? null,
  };
}

/** States of charge stand at the slots' starts; between them the plan charges evenly. */
function socAt(soc: readonly number[], at: number): number | null {
  const before = soc[Math.max(0, Math.floor(at))];
  if (before === undefined) return null;
  const after = soc[Math.floor(at) + 1] ?? before;
  return before + (after - before) * Math.max(0, at - Math.floor(at));
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

export function floor(time_s: number): number {
  return Math.floor(time_s / STEP_S) * STEP_S;
}

function seconds(utc: string): number {
  return Date.parse(utc) / 1000;
}
