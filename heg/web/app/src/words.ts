// What the house is doing, in the words a householder uses.

import { percent } from "./format";
import type { Actuator, Alarm, Device, Power } from "./model";

/** Below this (kW) a flow is noise of the meters, not something to tell people about. */
const QUIET_KW = 0.05;

export function headline(power: Power): string {
  const house = power.house_kw.value;
  const grid = power.grid_kw.value;
  if (grid === null) return "Waiting for the grid meter";
  if (power.grid_kw.quality !== "good") return "The grid meter is silent";
  const sun = power.pv_kw?.value ?? 0;
  const battery = power.battery_kw?.value ?? 0;
  const sunny = sun > QUIET_KW;
  if (grid < -QUIET_KW) return selling(sunny, battery);
  if (grid > QUIET_KW) return buying(house, battery, sunny, grid);
  if (battery > QUIET_KW) return sunny ? "The sun runs the house and fills the battery" : "The battery is charging";
  if (battery < -QUIET_KW) return sunny ? "Sun and battery run the house" : "The battery runs the house";
  return sunny ? "The sun runs the house" : "The house is at rest";
}

function selling(sunny: boolean, battery: number): string {
  if (!sunny) return battery < -QUIET_KW ? "The battery gives energy to the grid" : "The house gives energy to the grid";
  return battery > QUIET_KW ? "Sun for the house, the battery and the grid" : "The sun runs the house, and the rest is sold";
}

function buying(house: number | null, battery: number, sunny: boolean, grid: number): string {
  if (battery > QUIET_KW && grid > (house ?? 0)) return "The grid is charging the battery";
  if (house === null || house <= 0) return "The house draws from the grid";
  const own = Math.max(0, Math.min(1, 1 - grid / house));
  if (own < 0.02) return "The grid runs the house";
  const givers = battery < -QUIET_KW ? (sunny ? "Sun and battery cover" : "The battery covers") : "The sun covers";
  return `${givers} ${percent(own)} of the house`;
}

const REGIMES: Record<string, string> = {
  hold: "Resting",
  balance: "Balancing",
  cover: "Covering the house",
  absorb: "Taking spare sun",
  charge: "Charging",
  discharge: "Discharging",
  limit: "Keeping a limit",
};

export function regime(actuator: Actuator): string {
  return actuator.held ? (REGIMES[actuator.regime] ?? actuator.regime) : "Left to itself";
}

const REGIME_NAMES: Record<string, string> = {
  hold: "rest",
  balance: "balance the house",
  cover: "cover the house",
  absorb: "take spare sun",
  charge: "charge",
  discharge: "discharge",
  limit: "keep a limit",
};

export function regimeName(regime: string): string {
  return REGIME_NAMES[regime] ?? regime;
}

/** How a regime looks in the strip: a colour and a sign, for colour alone tells not everybody. */
export function look(regime: string): { tone: string; sign: string } {
  return LOOKS[regime] ?? { tone: "muted", sign: "?" };
}

const LOOKS: Record<string, { tone: string; sign: string }> = {
  hold: { tone: "muted", sign: "–" },
  balance: { tone: "battery", sign: "⇅" },
  cover: { tone: "house", sign: "▼" },
  absorb: { tone: "sun", sign: "▲" },
  charge: { tone: "grid", sign: "+" },
  discharge: { tone: "car", sign: "−" },
  limit: { tone: "warn", sign: "!" },
};

export const REGIME_ORDER: readonly string[] = Object.keys(LOOKS);

const OWNERS: Record<string, string> = {
  safety: "device safety",
  envelope: "the connection's limit",
  manual: "you",
  appliance: "an appliance",
  utility: "the utility, within your strategy",
  plan: "the plan",
  automation: "automation",
  idle: "the self-consumption rule",
};

export function owner(actuator: Pick<Actuator, "owner">): string {
  return OWNERS[actuator.owner] ?? actuator.owner;
}

export interface Verdict {
  text: string;
  tone: "good" | "wait" | "warn" | "off";
}

const VERDICTS: Record<string, Verdict> = {
  confirmed: { text: "Confirmed by reading back", tone: "good" },
  settling: { text: "Settling", tone: "wait" },
  overridden: { text: "Someone else is steering it", tone: "warn" },
  ignored: { text: "It does not follow", tone: "warn" },
};

export function verdict(actuator: Actuator): Verdict {
  if (!actuator.held) return { text: "Released", tone: "off" };
  return VERDICTS[actuator.state] ?? { text: actuator.state, tone: "wait" };
}

const ROLES: Record<string, string> = {
  grid: "Grid meter",
  meter: "Meter",
  producer: "Solar inverter",
  storage: "Battery",
  vehicle: "Car charger",
  appliance: "Appliance",
};

export function roles(device: Device): string {
  return device.roles.map((role) => ROLES[role] ?? role).join(", ") || (device.protocol === "feed" ? "Feed of prices or forecasts" : "Device");
}

export function condition(device: Device): Verdict {
  if (device.status === "lost") return { text: "Lost", tone: "warn" };
  if (device.quality === null) return { text: "No values yet", tone: "wait" };
  if (device.quality === "good") return { text: "Good", tone: "good" };
  return device.quality === "stale" ? { text: "Stale", tone: "wait" } : { text: "Bad values", tone: "warn" };
}

const SEVERITIES: Record<Alarm["severity"], string> = { info: "Note", warning: "Warning", alarm: "Alarm" };

export function severity(alarm: Alarm): string {
  return SEVERITIES[alarm.severity];
}

const SOURCES: Record<string, string> = {
  contract: "supply contract",
  dso: "grid operator",
  utility: "utility",
  tube: "profile tube",
  production: "production limit",
};

export function source(name: string | null): string {
  return name === null ? "" : (SOURCES[name] ?? name);
}

/** Whose signs: a storage charges or discharges, a meter buys or sells. */
export function direction(value: number | null, positive: string, negative: string, rest: string): string {
  if (value === null) return "unknown";
  if (value > QUIET_KW) return positive;
  return value < -QUIET_KW ? negative : rest;
}

export function capital(text: string): string {
  // "pv" and "ev" are abbreviations, not words.
  return /^(pv|ev)(?![a-z])/.test(text) ? text.slice(0, 2).toUpperCase() + text.slice(2) : text.charAt(0).toUpperCase() + text.slice(1);
}
