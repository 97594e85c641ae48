// The days ahead in words and numbers, tried without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { HouseClock } from "../src/format";
import type { DayAhead, WeekAhead, WeekState } from "../src/model";
import { caution, highest, middle, missing, shown, title, told } from "../src/week_read";

const ROME = new HouseClock("Europe/Rome");
const plain = (words: string): string => words.replaceAll("\u00a0", " ");

function day(start: string, hours: number, production: DayAhead["production"] = null): DayAhead {
  return { start_utc: start, hours, demand: { kwh: 10, low_kwh: 8, high_kwh: 13 }, production };
}

function state(known_days: number, enough: boolean): WeekState {
  const week: WeekAhead = { revision: 1, age_s: 5, known_days, enough, days: [day("2026-06-03T22:00:00Z", 24)], lacks: [] };
  return { planning: true, week };
}

test("a day is named by the house's own calendar, and a part of one is said to be", () => {
  assert.equal(title(day("2026-06-03T22:00:00Z", 24), ROME), ROME.day(new Date("2026-06-04T10:00:00Z")));
  assert.match(title(day("2026-06-03T12:00:00Z", 10), ROME), /\(10 h of it\)$/);
  assert.ok(!title(day("2026-03-28T23:00:00Z", 23), ROME).includes("of it"), "a short day in spring is whole");
  assert.equal(middle(day("2026-06-03T22:00:00Z", 24)), Date.parse("2026-06-04T10:00:00Z") / 1000);
});

test("a rest of an hour or two gets no bar, and bands set the height", () => {
  const days = [day("2026-06-03T20:00:00Z", 2), day("2026-06-03T22:00:00Z", 24, { kwh: 20, low_kwh: 9, high_kwh: 31 })];
  assert.equal(shown(days).length, 1);
  assert.equal(highest(days), 31);
  assert.equal(highest([]), 1);
  assert.equal(plain(told(days[1]?.demand ?? null)), "10.0 kWh (8.0 kWh to 13.0 kWh)");
  assert.equal(told(null), "");
});

test("what is not known is said plainly, never drawn", () => {
  assert.equal(missing(null), "");
  assert.match(missing({ planning: false, week: null }), /\[planning\]/);
  assert.match(missing({ planning: true, week: null }), /being made/);
  assert.match(missing(state(0.5, false)), /^Not enough history yet: 12 hours /);
  assert.equal(missing(state(4, true)), "");
  assert.match(caution(state(4.9, true)), /^Only 4 days /);
  assert.equal(caution(state(35, true)), "");
  assert.equal(caution(state(0.5, false)), "");
});
