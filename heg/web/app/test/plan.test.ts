// The plan's arithmetic and words, tried without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { asked, charge } from "../src/car";
import { eur, HouseClock, price } from "../src/format";
import type { Decision, PlanNow, PlanPast, PlanWhole, Savings, State } from "../src/model";
import { BACK_S, floor, PlanSeries, STEP_S } from "../src/plan";
import { sentence, stretches } from "../src/plan_read";
import { carWhy, limit, nextChange, overruled, reason, why } from "../src/plan_words";
import { lacks } from "../src/savings";

const NOON = Date.parse("2026-06-03T12:00:00Z") / 1000;
const ROME = new HouseClock("Europe/Rome");

function plan(start_s: number, step_s: number, demand: number[], more: Partial<PlanWhole> = {}): PlanWhole {
  return {
    start_utc: new Date(start_s * 1000).toISOString(),
    step_s,
    status: "optimal",
    demand_kw: demand,
    production_kw: demand.map(() => 0),
    demand_low_kw: [],
    demand_high_kw: [],
    production_low_kw: [],
    production_high_kw: [],
    grid_kw: demand,
    import_eur_per_kwh: demand.map((_, index) => index / 100),
    export_eur_per_kwh: [],
    co2_eur_per_kwh: [],
    storage: { power_kw: demand, regime: demand.map(() => "hold"), reason: [], text: [], worth_eur_per_kwh: [], soc: [0.2, ...demand.map((_, index) => 0.2 + (index + 1) / 10)] },
    vehicle: null,
    ...more,
  } as PlanWhole;
}

function past(start_s: number, demand: (number | null)[]): PlanPast {
  const same = (value: number | null) => demand.map(() => value);
  const words = (value: string | null) => demand.map(() => value);
  return {
    start_utc: new Date(start_s * 1000).toISOString(),
    step_s: STEP_S,
    done: { demand_kw: demand, production_kw: same(0), battery_kw: same(1), vehicle_kw: same(null), grid_kw: same(2), soc: same(0.5) },
    planned: {
      demand_kw: same(9), production_kw: same(0), battery_kw: same(0), vehicle_kw: same(null), grid_kw: same(0), soc: same(0.4),
      import_eur_per_kwh: same(-0.02), export_eur_per_kwh: same(0.08), co2_eur_per_kwh: same(0),
      regime: words("charge"), status: words("optimal"), reason: words("cheap_now"), text: words(null), lacks: demand.map(() => []),
    },
  };
}

function decision(more: Partial<Decision>): Decision {
  return {
    regime: "charge", power_kw: 3.2, regime_kw: 3.2, ends_at_soc: 1, reason: "cheap_now", text: "The planner's words.",
    price_now: -0.0184, price_later: 0.36, later_utc: "2026-06-03T17:30:00Z", worth: 0.34, binding: "", binding_worth: 0, next: null, ...more,
  };
}

test("plan and past lie on one grid: what is done stands, what is planned now replaces what was planned then", () => {
  const series = new PlanSeries();
  series.addPast(past(NOON - 2 * STEP_S, [1, 2, 3]));
  series.setPlan(plan(NOON, STEP_S, [5, 6, 7, 8]));
  series.arrange(NOON + 60);
  assert.equal(series.times[0], NOON - BACK_S);
  assert.equal(series.times[series.times.length - 1], NOON + 3 * STEP_S);
  const now = series.index(NOON + 60);
  assert.deepEqual(series.column("dLoad").slice(now - 2), [1, 2, 3, null, null, null]);
  assert.deepEqual(series.column("pLoad").slice(now - 2), [9, 9, 5, 6, 7, 8]);
  assert.equal(series.quarters[now]?.regime, "hold");
  assert.equal(series.quarters[now - 1]?.regime, "charge");
  assert.equal(series.column("dLoad")[0], null);
});

test("slots of 5 minutes are joined and slots of an hour spread", () => {
  const fine = new PlanSeries();
  fine.setPlan(plan(NOON, 300, [1, 2, 3, 7, 8, 9]));
  fine.arrange(NOON);
  const here = fine.index(NOON);
  assert.deepEqual(fine.column("pLoad").slice(here), [2, 8]);
  const coarse = new PlanSeries();
  coarse.setPlan(plan(NOON, 3600, [1, 2]));
  coarse.arrange(NOON);
  assert.deepEqual(coarse.column("pLoad").slice(here), [1, 1, 1, 1, 2, 2, 2, 2]);
  assert.deepEqual(coarse.column("pSoc").slice(here, here + 3).map((soc) => Math.round((soc ?? 0) * 1000)), [200, 225, 250]);
});

test("only what may have grown is asked for again, and what is old is forgotten", () => {
  const series = new PlanSeries();
  assert.equal(series.missingFrom(NOON), NOON - BACK_S);
  series.addPast(past(NOON - 2 * STEP_S, [1, 2, 3]));
  assert.equal(series.missingFrom(NOON + 100), NOON);
  assert.equal(series.missingFrom(NOON + STEP_S), NOON);
  series.arrange(NOON + BACK_S + 10 * STEP_S);
  assert.equal(series.missingFrom(NOON + BACK_S + 10 * STEP_S), NOON + 10 * STEP_S);
});

test("a clock that is put back leaves nothing of the future done", () => {
  const series = new PlanSeries();
  series.addPast(past(NOON, [1, 2, 3]));
  series.arrange(NOON - 3600);
  assert.ok(series.column("dLoad").every((value) => value === null));
});

test("the strip is made of stretches of one regime, gaps stay gaps", () => {
  const series = new PlanSeries();
  series.addPast(past(NOON - STEP_S, [1, 1]));
  series.setPlan(plan(NOON, STEP_S, [1, 1, 1]));
  series.arrange(NOON);
  assert.deepEqual([...stretches(series)], [
    [NOON - STEP_S, NOON, "charge"],
    [NOON, NOON + 3 * STEP_S, "hold"],
  ]);
});

test("the reason is told in house time with its prices, negative ones too", () => {
  const now = new Date("2026-06-03T10:00:00Z");
  assert.equal(
    why(decision({}), ROME, now).replaceAll("\u00a0", " "),
    "Energy costs -0.018 EUR/kWh now: the battery is charged for 19:30, when it is worth 0.360 EUR/kWh.",
  );
  assert.match(why(decision({ later_utc: "2026-06-04T17:30:00Z" }), ROME, now), /19:30, Thu/);
  assert.doesNotMatch(why(decision({ later_utc: null }), ROME, now), /undefined|null|for\s*,/);
  assert.equal(why(decision({ reason: "something_new" }), ROME, now), "The planner's words.");
  assert.equal(why(decision({ price_now: null }), ROME, now), "The planner's words.");
  assert.doesNotMatch(why(decision({}), ROME, now, false), /EUR/);
});

test("a battery that follows the house is explained by its worth between the prices, and never by a wrong order of them", () => {
  const now = new Date("2026-06-03T10:00:00Z");
  const told = { prices: { import_now: 0.22, export_now: 0.08 } } as PlanNow;
  const one = decision({ regime: "balance", reason: "store_surplus", worth: 0.098 });
  assert.match(reason(told, one, ROME, now, true), /brings 0\.080.* costs 0\.220.* worth 0\.098/);
  assert.match(reason(told, { ...one, worth: 0.3 }, ROME, now, true), /^Spare sun would bring/);
  assert.doesNotMatch(reason(told, one, ROME, now, false), /EUR/);
});

test("a young house's chart begins where it is known", () => {
  const series = new PlanSeries();
  series.addPast(past(NOON - BACK_S, Array.from({ length: 97 }, (_, index) => (index < 90 ? null : 1))));
  series.arrange(NOON);
  assert.equal(series.knownSince(), NOON - BACK_S);
  const young = new PlanSeries();
  young.setPlan(plan(NOON, STEP_S, [1, 2]));
  young.arrange(NOON);
  assert.equal(young.knownSince(), NOON);
});

test("every reason the planner knows makes a whole sentence", () => {
  const now = new Date("2026-06-03T10:00:00Z");
  const codes = ["cheap_now", "dear_now", "store_surplus", "cover_load", "self_consumption", "save_for_later", "room_for_later", "sell_now",
    "nothing_to_gain", "full", "empty", "limit", "tube", "departure", "not_plugged", "rule"];
  for (const reason of codes) {
    for (const later_utc of [null, "2026-06-03T17:30:00Z"]) {
      for (const said of [why(decision({ reason, later_utc }), ROME, now), carWhy(decision({ reason, later_utc }), ROME, now)]) {
        assert.match(said, /^[A-Z].*\.$/, `${reason}: ${said}`);
        assert.doesNotMatch(said, /undefined|NaN|null| {2}| ,| at at|for at/, `${reason}: ${said}`);
      }
    }
  }
});

test("limit and next change are named", () => {
  const now = new Date("2026-06-03T10:00:00Z");
  assert.equal(limit(decision({})), "none");
  assert.match(limit(decision({ binding: "contract_max", binding_worth: 0.021 })), /^the contract, buying; worth 0\.021/);
  assert.equal(limit(decision({ binding: "new_limit" })), "new limit");
  assert.match(nextChange(decision({ next: { at_utc: "2026-06-03T00:00:00Z", regime: "charge", power_kw: 3.2 } }), ROME, now), /^from 02:00: charge 3\.20/);
  assert.equal(nextChange(decision({}), ROME, now), "none planned");
});

test("whoever decides instead of the plan is named", () => {
  const held = (owner: string) => ({ device: "battery", held: true, owner }) as unknown as State["actuators"][number];
  const state = (owner: string, hands_off = false) => ({ hands_off, storages: [{ device: "battery" }], actuators: [held(owner)] }) as unknown as State;
  assert.equal(overruled(state("plan")), "");
  assert.match(overruled(state("manual")), /by hand/);
  assert.match(overruled(state("plan", true)), /Hands off/);
});

test("the night on which the clocks go back has its hour twice, and each is read right", () => {
  const before = Date.parse("2026-10-25T00:30:00Z") / 1000;
  assert.equal(ROME.time(new Date(before * 1000)), "02:30");
  assert.equal(ROME.time(new Date((before + 3600) * 1000)), "02:30");
  const series = new PlanSeries();
  series.setPlan(plan(floor(before), STEP_S, Array.from({ length: 8 }, (_, index) => index)));
  series.arrange(before);
  assert.equal(new Set(series.times).size, series.times.length);
});

test("a quarter hour is read out with what was expected and what came", () => {
  const series = new PlanSeries();
  series.addPast(past(NOON - STEP_S, [1.5]));
  series.arrange(NOON - STEP_S);
  const one = series.quarters[series.index(NOON - STEP_S)];
  assert.ok(one);
  const said = sentence(one, new Date((NOON - STEP_S) * 1000), ROME).replaceAll("\u00a0", " ");
  assert.match(said, /^13:45, .*: price -0\.020 EUR\/kWh, house 1\.50 kW \(expected 9\.00 kW\), .*50 % full, plan: charge$/);
});

test("prices and money have sensible digits and no minus before a zero", () => {
  assert.match(price(-0.0001), /^0\.000\sEUR\/kWh$/);
  assert.match(price(-0.02), /^-0\.020/);
  assert.match(price(null), /EUR\/kWh$/);
  assert.match(eur(-0.004), /^0\.00\sEUR$/);
  assert.match(eur(12.345), /^12\.3[45]\sEUR$/);
  assert.match(eur(1234.5), /^1[,.\s]?23[45]\sEUR$/);
});

test("what the savings lack is said, and nothing where they are whole", () => {
  const books = (priced_share: number, metered_share = 1, integrated: string[] = []) => ({ minutes: 60, priced_share, metered_share, integrated }) as unknown as Savings;
  assert.equal(lacks(books(1), books(1)), "");
  assert.match(lacks(books(0), books(0)), /No prices were known/);
  assert.match(lacks(books(0.5), books(0.9)), /50\s% of today and 90\s% of the month/);
  assert.match(lacks(books(1, 0.5), books(1)), /Counters were read for 50/);
  assert.match(lacks(books(1), books(1, 1, ["pv"])), /pv: no energy counter/);
});

test("the car's form says only what was filled in", () => {
  const form = (values: Record<string, string>) => ({ get: (name: string) => values[name] ?? "" });
  assert.deepEqual(asked(form({ departure: "07:30", target: "80", soc: "" })), { departure: "07:30", target: 0.8 });
  assert.deepEqual(asked(form({ soc: "0", capacity: "52.5" })), { soc: 0, capacity_kwh: 52.5 });
  assert.match(charge({ soc: 0.42, soc_uncertainty: 0.031 }), /^42\s% ± 3\s%$/);
  assert.match(charge({ soc: 0.42, soc_uncertainty: 0 }), /^42\s%$/);
  assert.equal(charge({ soc: null, soc_uncertainty: 1 }), "–");
});
