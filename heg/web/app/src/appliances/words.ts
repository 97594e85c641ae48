// Appliances in the words a householder uses.

import { duration, type HouseClock, kw, kwh, number } from "../format";
import type { AppliancesAtAGlance } from "../model";
import { owner, type Verdict } from "../words";

export interface Appliance {
  device: string;
  called: string;
  maker: string;
  model: string;
  address: string;
  status: "attached" | "lost" | "removed";
  power_state: "on" | "standby" | "off" | null;
  importance: "must-run" | "flexible" | "optional";
  draws_kw: number;
  min_on_minutes: number;
  min_off_minutes: number;
  wake: "none" | "wol" | "wowlan";
  held: boolean;
  given: "on" | "standby" | "off" | null;
  owner: string;
  lease_state: "settling" | "confirmed" | "overridden" | "ignored" | "";
  reason: string;
  reason_text: string;
  outvoted: string[];
  expires_in_s: number;
  requests: { id: number; kind: string; start_utc: string; stop_utc: string | null; state: string; text: string }[];
  standby_periods: { id: number; start_utc: string; stop_utc: string }[];
  cycle: { id: string; name: string; kwh: number | null; minutes: number | null; earliest_utc: string | null; latest_utc: string | null } | null;
}

const STATES: Record<string, string> = { on: "On", standby: "Standby", off: "Off" };
const IMPORTANCE: Record<string, string> = { "must-run": "must run", flexible: "flexible", optional: "optional" };
const WAKING: Record<string, string> = { none: "cannot be woken", wol: "over the network", wowlan: "over Wi-Fi" };

/** How many there are and how they are, in one line. */
export function glance(seen: AppliancesAtAGlance): string {
  const parts = [`${seen.on} on`, `${seen.standby} standby`, `${seen.off} off`];
  if (seen.lost > 0) parts.push(`${seen.lost} lost`);
  return `${parts.join(", ")}${seen.in_hand > 0 ? ` · ${seen.in_hand} switched by the gateway` : ""}`;
}

/** Those with something to tell first: switched by us, lost, waiting for something; then by name. */
export function first(all: readonly Appliance[]): Appliance[] {
  const rank = (one: Appliance) => (one.held ? 0 : one.status === "lost" ? 1 : one.cycle || one.requests.length > 0 || one.outvoted.length > 0 ? 2 : 3);
  return [...all].sort((a, b) => rank(a) - rank(b) || a.device.localeCompare(b.device, undefined, { numeric: true }));
}

/** The same in the order in which they stood, those that are new behind: nothing moves away under a hand. */
export function steady(all: readonly Appliance[], before: readonly string[]): Appliance[] {
  const stood = new Map(before.map((device, index) => [device, index]));
  const place = (one: Appliance) => stood.get(one.device) ?? before.length;
  return [...all].sort((a, b) => place(a) - place(b));
}

export function chip(one: Appliance): Verdict {
  if (one.status === "lost") return { text: "Lost", tone: "warn" };
  const is = one.power_state === null ? "Not known yet" : (STATES[one.power_state] ?? one.power_state);
  if (!one.held || one.given === null) return { text: is, tone: one.power_state === "on" ? "good" : "off" };
  if (one.lease_state === "ignored") return { text: `${is}, does not follow`, tone: "warn" };
  if (one.lease_state === "settling" && one.given !== one.power_state) {
    return { text: `${is}, told ${(STATES[one.given] ?? one.given).toLowerCase()}`, tone: "wait" };
  }
  return { text: is, tone: one.power_state === "on" ? "good" : "wait" };
}

/** What it calls itself where its name here is another, and who made it. */
export function own(one: Appliance): string {
  const called = one.called.toLowerCase() === one.device ? "" : one.called;
  return [called, [one.maker, one.model].filter(Boolean).join(" ")].filter(Boolean).join(" · ");
}

/** Why it is as it is; one that nobody asks anything of needs no words. */
export function why(one: Appliance): string {
  return one.held || one.reason !== "released" ? one.reason_text : "";
}

/** What else is to be told of it: who is outvoted, what it asked for, what waits in it. */
export function about(one: Appliance, clock: HouseClock): string[] {
  const at = (utc: string) => `${clock.time(new Date(utc))}, ${clock.day(new Date(utc))}`;
  const said = one.outvoted.map((words) => `In vain: ${words}`);
  for (const asked of one.requests) {
    const what = asked.kind === "wake_up" ? `Asked to be woken at ${at(asked.start_utc)}.` : `Asked not to be put to standby from ${at(asked.start_utc)}${asked.stop_utc ? ` to ${at(asked.stop_utc)}` : ""}.`;
    said.push([what, asked.text].filter(Boolean).join(" "));
  }
  for (const span of one.standby_periods) said.push(`Goes to standby by itself from ${at(span.start_utc)} to ${at(span.stop_utc)}.`);
  if (one.cycle !== null) said.push(cycle(one.cycle, at));
  return said;
}

function cycle(waits: NonNullable<Appliance["cycle"]>, at: (utc: string) => string): string {
  const size = [waits.kwh === null ? "" : kwh(waits.kwh), waits.minutes === null ? "" : duration(waits.minutes * 60)].filter(Boolean).join(", ");
  const by = waits.latest_utc ? ` Over by ${at(waits.latest_utc)}.` : "";
  return `${waits.name || "A cycle"}${size ? ` (${size})` : ""} waits for its time.${by}`;
}

export function facts(one: Appliance): [string, string][] {
  return [
    ["Importance", IMPORTANCE[one.importance] ?? one.importance],
    ["Draws while on", one.draws_kw > 0 ? kw(one.draws_kw) : "not known"],
    ["Decided by", one.held ? owner(one) : one.owner === "" ? "not shown to you" : "itself and its user"],
    ["Stays as switched", `on ${number(one.min_on_minutes)} min, off ${number(one.min_off_minutes)} min`],
    ["Woken", WAKING[one.wake] ?? one.wake],
    ["Address", one.address || "–"],
  ];
}
