// The arithmetic and sentences of the screens behind the login: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { estimate, strength } from "../src/screens/meter";
import { effects } from "../src/screens/configuration";
import { lineOf, spanOf } from "../src/screens/toml";
import { refusal, span } from "../src/screens/say";
import { household, inside, screenOf, screens, type Session } from "../src/session";

function session(role: Session["role"], permissions: string[]): Session {
  return { login: true, claimed: true, locked: false, name: role === null ? null : "anna", role, permissions, fresh: true };
}

const OWNER = session("owner", ["accounts", "audit", "command", "commission", "configure", "personal_data", "policies", "read", "tokens"]);

test("the meter says what the gateway would refuse, and nothing of ornament", () => {
  assert.match(strength("kurz").lack, /6 more characters/);
  assert.match(strength("abcabcabcabc").lack, /5 different/);
  assert.match(strength("Password!!", "anna").lack, /first one/);
  assert.match(strength("anna.berta1", "anna.berta").lack, /first one/);
  assert.equal(strength("kettle marble orchid tram").lack, "");
});

test("the meter does not call strong what only looks so", () => {
  for (const weak of ["Passw0rd2024!", "Qwertz12345!", "Sunshine2023!", "1qaz2wsx3edc", "adminadmin123", "Welcome123!!", "abcdefgh1234"]) {
    assert.ok(strength(weak).level <= 1, `${weak}: ${strength(weak).words}`);
  }
  for (const good of ["kettle marble orchid tram", "xK9#vQ2m$Lw8pZ", "das Fahrrad schläft im Regen"]) {
    assert.ok(strength(good).level >= 3, `${good}: ${strength(good).words}`);
  }
});

test("what is added never makes a password weaker by more than its repetition", () => {
  assert.ok(estimate("orchidmarble").bits > estimate("orchid").bits);
  assert.ok(estimate("orchidorchid").bits - estimate("orchid").bits < 4);
  assert.ok(estimate("annannannann", "ann").bits < estimate("xqrannkvmzpl").bits);
});

test("everybody is offered what they may do, and nothing else", () => {
  assert.deepEqual(screens({ ...OWNER, login: false, name: null, role: null }), ["house"]);
  assert.deepEqual(screens(session("viewer", ["read"])), ["house", "devices", "you"]);
  assert.deepEqual(screens(session("user", ["command", "read", "tokens"])), ["house", "devices", "access", "you"]);
  assert.ok(screens(OWNER).includes("audit"));
  assert.ok(!household(session("installer", ["read"])));
  assert.equal(screenOf("#/audit", session("viewer", ["read"])), "house");
  assert.equal(screenOf("#/you", session("viewer", ["read"])), "you");
  assert.equal(screenOf("", session("installer", ["commission", "configure", "read"])), "devices");
  assert.ok(!inside(session(null, [])));
});

test("a refusal is a sentence with its mending", () => {
  assert.equal(refusal({ reason: "x", expected: "days above 0", came: "-1", mend: "say 7" }, ""), "Expected days above 0, came -1. Say 7.");
  assert.match(refusal({ reason: "too_many_tries", expected: "fewer", mend: "try again in 8 s" }, ""), /Try again in 8 s\.$/);
  assert.equal(span(61), "61 seconds");
  assert.equal(span(900), "15 minutes");
});

test("a fault is found at its key, its section, or its line", () => {
  const text = '[unit]\nid = "x"\n\n[device.battery]\n# full\ncapacity_kwh = 10\n[site] # where\ntilt=3\n';
  assert.equal(lineOf(text, "[device.battery] capacity_kwh"), 5);
  assert.equal(lineOf(text, "[site] tilt"), 7);
  assert.equal(lineOf(text, "[device.battery] role"), 3);
  assert.equal(lineOf(text, "[site]"), 6);
  assert.equal(lineOf(text, "[feeds.tariff] template"), null);
  assert.equal(lineOf(text, "line 3"), 2);
  assert.equal(text.slice(...spanOf(text, 5)), "capacity_kwh = 10");
});

test("what a change does is told in sentences", () => {
  const none = { restarts: [], begins: [], ends: [], in_place: [], renames: [], at_next_start: [] };
  assert.deepEqual(effects(none), ["Nothing restarts."]);
  assert.match(effects({ ...none, restarts: ["driver.modbus"] })[0] ?? "", /driver of modbus devices/);
});
