// What is said of the days ahead, in numbers and words.

import { type HouseClock, kwh, number } from "./format";
import type { DayAhead, Energy, WeekState } from "./model";

const WHOLE_DAY_H = 22.5;
const A_WEEK_DAYS = 7;

/** The middle of what is told of a day, in seconds. */
export function middle(day: DayAhead): number {
  return Date.parse(day.start_utc) / 1000 + (day.hours * 3600) / 2;
}

/** The days worth a bar: a rest of an hour or two at either end says nothing of a day. */
export function shown(days: readonly DayAhead[]): DayAhead[] {
  return days.filter((day) => day.hours >= 4);
}

/** Why there is nothing to show; "" where there is. */
export function missing(state: WeekState | null): string {
  if (state === null) return "";
  if (!state.planning) return "Nothing is forecast here: [planning] is not set in the configuration.";
  const week = state.week;
  if (week === null) return "The first forecast is being made.";
  if (week.enough) return "";
  return `Not enough history yet: ${known(week.known_days)} of the house are known, and a week is told from three days on. It learns the house from day to day.`;
}

/** What to keep in mind beside the chart; "" for nothing. */
export function caution(state: WeekState | null): string {
  const week = state?.week;
  if (!week?.enough || week.known_days >= A_WEEK_DAYS) return "";
  return `Only ${known(week.known_days)} of the house are known: the week may well turn out differently.`;
}

export function title(day: DayAhead, clock: HouseClock): string {
  const name = clock.day(new Date(middle(day) * 1000));
  return day.hours < WHOLE_DAY_H ? `${name} (${number(Math.round(day.hours))} h of it)` : name;
}

export function told(energy: Energy | null): string {
  return energy === null ? "" : `${kwh(energy.kwh)} (${kwh(energy.low_kwh)} to ${kwh(energy.high_kwh)})`;
}

/** Highest edge of all that is shown, at least a kWh. */
export function highest(days: readonly DayAhead[]): number {
  return Math.max(1, ...days.flatMap((day) => [day.demand.high_kwh, day.production?.high_kwh ?? 0]));
}

function known(days: number): string {
  return days < 2 ? `${number(Math.round(days * 24))} hours` : `${number(Math.floor(days))} days`;
}
