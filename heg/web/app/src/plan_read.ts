// Reading the grid of quarter hours: one of them as a sentence, and the stretches of one regime.

import { type HouseClock, kw, percent, price } from "./format";
import { type PlanSeries, type Quarter, STEP_S } from "./plan";
import * as words from "./words";

/** What a quarter hour was or will be, as people say it. */
export function sentence(one: Quarter, time: Date, clock: HouseClock): string {
  const pieces: string[] = [];
  if (one.buy !== null) pieces.push(`price ${price(one.buy)}`);
  pieces.push(...both("house", one.dLoad, one.pLoad), ...both("sun", one.dSun, one.pSun));
  pieces.push(...both("battery", one.dBattery, one.pBattery), ...both("car", one.dCar, one.pCar));
  const soc = one.dSoc ?? one.pSoc;
  if (soc !== null) pieces.push(`${one.dSoc === null ? "will be " : ""}${percent(soc)} full`);
  if (one.regime) pieces.push(`plan: ${words.regimeName(one.regime)}`);
  return `${clock.time(time)}, ${clock.day(time)}: ${pieces.join(", ") || "nothing is known"}`;
}

function both(name: string, done: number | null, planned: number | null): string[] {
  if (done === null && planned === null) return [];
  if (done === null) return [`${name} ${kw(planned)} expected`];
  return [`${name} ${kw(done)}${planned === null ? "" : ` (expected ${kw(planned)})`}`];
}

/** Stretches of equal regime: from, to, regime. */
export function* stretches(series: PlanSeries): Generator<[number, number, string]> {
  let from = 0;
  let regime: string | null = null;
  const end = (series.times[series.times.length - 1] ?? 0) + STEP_S;
  for (let index = 0; index <= series.quarters.length; index++) {
    const next = series.quarters[index]?.regime ?? null;
    if (index > 0 && next === regime) continue;
    const time = series.times[index] ?? end;
    if (regime !== null) yield [from, time, regime];
    from = time;
    regime = next;
  }
}
