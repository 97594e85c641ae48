// What is told of appliances, tried without a browser.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Appliance, about, chip, facts, first, glance, own, steady, why } from "../src/appliances/words";
import { HouseClock } from "../src/format";

const PLAIN: Appliance = {
  device: "lamp", called: "Lamp", maker: "", model: "", address: "", status: "attached", power_state: "on", importance: "flexible", draws_kw: 0,
  min_on_minutes: 10, min_off_minutes: 10, wake: "none", held: false, given: null, owner: "idle", lease_state: "settling",
  reason: "released", reason_text: "Nobody asks anything of it.", outvoted: [], expires_in_s: 0, requests: [], standby_periods: [], cycle: null,
};

test("those with something to tell come first, then names as people count", () => {
  const all = ["lamp-10", "lamp-9", "oven", "radio", "heater"].map((device) => ({ ...PLAIN, device }));
  Object.assign(all[4] as Appliance, { held: true });
  Object.assign(all[3] as Appliance, { status: "lost" });
  assert.deepEqual(first(all).map((one) => one.device), ["heater", "radio", "lamp-9", "lamp-10", "oven"]);
});

test("while somebody looks into one they keep their places, and new ones come behind", () => {
  const all = ["lamp", "oven", "radio"].map((device) => ({ ...PLAIN, device }));
  Object.assign(all[2] as Appliance, { held: true });
  assert.deepEqual(steady(first(all), ["oven", "lamp"]).map((one) => one.device), ["oven", "lamp", "radio"]);
});

test("the chip tells what it is, what it was told, and when it does not follow", () => {
  const told = { ...PLAIN, held: true, given: "standby" as const };
  assert.deepEqual(chip(PLAIN), { text: "On", tone: "good" });
  assert.deepEqual(chip({ ...PLAIN, power_state: null }), { text: "Not known yet", tone: "off" });
  assert.deepEqual(chip(told), { text: "On, told standby", tone: "wait" });
  assert.deepEqual(chip({ ...told, lease_state: "ignored" }), { text: "On, does not follow", tone: "warn" });
  assert.deepEqual(chip({ ...told, power_state: "standby", lease_state: "confirmed" }), { text: "Standby", tone: "wait" });
  assert.deepEqual(chip({ ...PLAIN, status: "lost" }), { text: "Lost", tone: "warn" });
});

test("what it calls itself is told where its name is another", () => {
  assert.equal(own(PLAIN), "");
  assert.equal(own({ ...PLAIN, maker: "Miele", model: "W1" }), "Miele W1");
  assert.equal(own({ ...PLAIN, device: "lamp-2", maker: "Miele" }), "Lamp · Miele");
});

test("one that nobody asks anything of needs no words; one left to its user says why", () => {
  assert.equal(why(PLAIN), "");
  assert.equal(why({ ...PLAIN, reason: "by_user", reason_text: "Somebody switched it by hand." }), "Somebody switched it by hand.");
});

test("who is not shown what it is told is not told that nobody tells it anything", () => {
  const unseen: Appliance = { ...PLAIN, owner: "", lease_state: "", reason: "", reason_text: "" };
  assert.equal(why(unseen), "");
  const decided = (one: Appliance) => facts(one).find(([name]) => name === "Decided by")?.[1];
  assert.deepEqual([decided(PLAIN), decided(unseen)], ["itself and its user", "not shown to you"]);
});

test("what it asked for and what waits in it is told in the house's time", () => {
  const one: Appliance = {
    ...PLAIN,
    outvoted: ["plan asks for on: cheap now."],
    requests: [{ id: 1, kind: "wake_up", start_utc: "2026-06-03T04:30:00Z", stop_utc: null, state: "registered", text: "" }],
    cycle: { id: "c", name: "Cotton", kwh: 1, minutes: 60, earliest_utc: null, latest_utc: "2026-06-03T18:00:00Z" },
  };
  const said = about(one, new HouseClock("Europe/Rome"));
  assert.equal(said[0], "In vain: plan asks for on: cheap now.");
  assert.match(said[1] ?? "", /^Asked to be woken at .*6:30/);
  assert.match(said[2] ?? "", /^Cotton \(1\.0.kWh, 60 min\) waits for its time\. Over by .*8:00|20:00/);
  assert.equal(glance({ count: 3, on: 1, standby: 1, off: 0, lost: 1, in_hand: 0, changed: 1 }), "1 on, 1 standby, 0 off, 1 lost");
});
