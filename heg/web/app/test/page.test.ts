// The page's own arithmetic, tried without a browser: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { flows } from "../src/flow";
import { HouseClock, duration, kw } from "../src/format";
import { History, SPAN_S } from "../src/history";
import type { Figure, State } from "../src/model";
import { capital, headline } from "../src/words";

function figure(value: number | null): Figure {
  return { value, quality: "good", age_s: 0 };
}

function state(utc: string, grid: number, pv: number, battery: number): State {
  return {
    time: { utc, zone: "Europe/Rome", mode: "scaled", speed: 60 },
    power: { house_kw: figure(grid + pv - battery), pv_kw: figure(pv), battery_kw: figure(battery), grid_kw: figure(grid) },
    storages: [{ device: "battery", soc: figure(0.5), capacity_kwh: 10 }],
  } as unknown as State;
}

test("what flows into and out of each place adds up to what is measured there", () => {
  for (let trial = 0; trial < 2000; trial++) {
    const sun = Math.random() * 8;
    const battery = (Math.random() - 0.5) * 10;
    const house = Math.random() * 6;
    const grid = house + battery - sun;
    const f = flows(sun, battery, grid);
    const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-9, `${a} ${b} of ${JSON.stringify({ sun, battery, grid, f })}`);
    for (const value of Object.values(f)) assert.ok(value >= 0);
    near((f["sun-house"] ?? 0) + (f["sun-battery"] ?? 0) + (f["sun-grid"] ?? 0), sun);
    near((f["sun-house"] ?? 0) + (f["battery-house"] ?? 0) + (f["grid-house"] ?? 0), house);
    near((f["sun-battery"] ?? 0) + (f["grid-battery"] ?? 0), Math.max(0, battery));
    near((f["battery-house"] ?? 0) + (f["battery-grid"] ?? 0), Math.max(0, -battery));
    near((f["sun-grid"] ?? 0) + (f["battery-grid"] ?? 0), Math.max(0, -grid));
  }
});

test("the live minute is the mean of its samples, and unseen minutes are gaps", () => {
  const history = new History();
  assert.equal(history.add(state("2026-06-03T10:00:05Z", 1, 0, 0)), true);
  assert.equal(history.add(state("2026-06-03T10:00:30Z", 3, 0, 0)), false);
  assert.equal(history.add(state("2026-06-03T10:03:00Z", 5, 0, 0)), true);
  assert.deepEqual(history.curves.grid_kw, [2, null, null, 5]);
  assert.equal(history.times.length, 4);
});

test("the past joins what was seen live since, and 48 hours are kept", () => {
  const history = new History();
  history.add(state("2026-06-03T10:00:00Z", 9, 0, 0));
  const start = Date.parse("2026-06-01T09:00:00Z") / 1000;
  const count = 49 * 60;
  const column = (value: number) => Array.from({ length: count }, () => value);
  history.load({
    start_utc: "2026-06-01T09:00:00Z",
    step_s: 60,
    house_kw: column(1),
    pv_kw: column(0),
    battery_kw: column(0),
    grid_kw: column(1),
    soc: column(0.5),
  });
  assert.equal(history.times[history.times.length - 1], start + count * 60);
  assert.equal(history.curves.grid_kw[history.curves.grid_kw.length - 1], 9);
  assert.equal(history.times.length, SPAN_S / 60);
  history.add(state("2026-06-09T10:00:00Z", 2, 0, 0));
  assert.ok(history.times.length <= SPAN_S / 60 + 1);
});

test("a clock that is put back by hours takes the curve with it, a late picture does not", () => {
  const history = new History();
  for (let minute = 0; minute < 120; minute++) {
    history.add(state(new Date(Date.parse("2026-06-03T10:00:00Z") + minute * 60_000).toISOString(), 1, 0, 0));
  }
  assert.equal(history.add(state("2026-06-03T11:58:10Z", 7, 0, 0)), false);
  assert.equal(history.times.length, 120);
  assert.equal(history.add(state("2026-06-03T10:30:00Z", 7, 0, 0)), true);
  assert.equal(history.times.length, 31);
  assert.equal(history.curves.grid_kw[30], 7);
});

test("today begins at the house's midnight", () => {
  const history = new History();
  // 22:00 UTC is midnight in Rome in June.
  for (let minute = 0; minute < 240; minute++) {
    history.add(state(new Date(Date.parse("2026-06-02T20:00:00Z") + minute * 60_000).toISOString(), 6, 0, 0));
  }
  const sums = history.today(new HouseClock("Europe/Rome"));
  assert.ok(Math.abs(sums.bought - 12) < 1e-6, String(sums.bought));
  assert.equal(sums.known, 1);
});

test("the sentence says who runs the house", () => {
  const say = (house: number, pv: number, battery: number) => headline(state("2026-06-03T10:00:00Z", house + battery - pv, pv, battery).power);
  assert.equal(say(1, 4, 3), "The sun runs the house and fills the battery");
  assert.equal(say(1, 4, 0), "The sun runs the house, and the rest is sold");
  assert.equal(say(1, 0, -1), "The battery runs the house");
  assert.equal(say(1, 0.5, -0.5), "Sun and battery run the house");
  assert.equal(say(2, 0, 0), "The grid runs the house");
  assert.match(say(2, 1, 0), /^The sun covers 50\s% of the house$/);
  assert.equal(say(1, 0, 3), "The grid is charging the battery");
  assert.equal(headline({ house_kw: figure(null), pv_kw: null, battery_kw: null, grid_kw: figure(null) }), "Waiting for the grid meter");
});

test("units are always shown", () => {
  assert.match(kw(null), /kW$/);
  assert.match(kw(-0.001), /^0[.,]00\skW$/);
  assert.equal(duration(45), "45 s");
  assert.equal(duration(300), "5 min");
  assert.equal(capital("pv"), "PV");
  assert.equal(capital("battery"), "Battery");
});

test("a zone nobody knows falls back to the browser's", () => {
  assert.equal(new HouseClock("Moon/Tranquility").zone, Intl.DateTimeFormat().resolvedOptions().timeZone);
  assert.equal(new HouseClock("Europe/Rome").time(new Date("2026-06-03T10:05:00Z")), "12:05");
});
