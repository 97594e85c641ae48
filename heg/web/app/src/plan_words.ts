// Why the plan does what it does, in a sentence with house time and prices; the planner's own words where none fit.

import { type HouseClock, kw, kwh, price } from "./format";
import type { Actuator, Decision, PlanNow, State } from "./model";
import { regimeName } from "./words";

interface Said {
  now: string;
  later: string;
  when: string;
}

type Sentence = (said: Said, decision: Decision) => string;

/** The battery's reasons. `now` is what the next kWh costs or brings, `later` what a stored one brings. */
const REASONS: Record<string, Sentence> = {
  cheap_now: ({ now, later, when }) => `Energy costs ${now} now: the battery is charged for ${when || "later"}, when it is worth ${later}.`,
  dear_now: ({ now }) => `Energy costs ${now} now, more than what is stored cost: the battery runs the house.`,
  store_surplus: ({ now, later, when }) => `Spare sun would bring ${now} sold; stored it is worth ${later}${when && ` ${when}`}.`,
  cover_load: ({ now }) => `Bought energy would cost ${now}: the battery covers the house.`,
  self_consumption: () => "The battery stores spare sun and gives it back to the house.",
  save_for_later: ({ now, later, when }) => `Energy costs ${now} now and ${later}${when && ` ${when}`}: the battery saves its charge until then.`,
  room_for_later: ({ now, later, when }) => `Spare sun is sold for ${now}: the battery keeps its room${when && ` for ${when}`}, when energy costs ${later}.`,
  sell_now: ({ now }) => `Sold energy brings ${now} now: the battery gives to the grid.`,
  nothing_to_gain: ({ now }) => `Moving energy at ${now} would gain nothing: the battery rests.`,
  full: () => "The battery is full.",
  empty: () => "The battery is empty down to its reserve.",
  rule: () => "No plan can be made: the battery follows the rule, storing spare sun and giving it back.",
};

const FOLLOWING = new Set(["store_surplus", "cover_load", "self_consumption"]);

/** Where the battery follows the house, its worth between the two prices is the reason, whatever flows at the moment. */
function following({ prices }: PlanNow, decision: Decision): string | null {
  if (decision.regime !== "balance" || !FOLLOWING.has(decision.reason) || decision.worth === null) return null;
  if (decision.worth < prices.export_now - 0.0005 || decision.worth > prices.import_now + 0.0005) return null;
  return `Selling brings ${price(prices.export_now)} and buying costs ${price(prices.import_now)} now, and a stored kWh is worth ${price(decision.worth)}: the battery takes spare sun and gives it back.`;
}

/** Why the battery does what it does. */
export function reason(plan: PlanNow, decision: Decision, clock: HouseClock, now: Date, priced: boolean): string {
  return (priced ? following(plan, decision) : null) ?? why(decision, clock, now, priced);
}

/** `priced` is false where prices are only assumed: then it is told what is done, and no figure. */
export function why(decision: Decision, clock: HouseClock, now: Date, priced = true): string {
  if (!priced) return UNPRICED[decision.reason] ?? "Prices are not known: the battery stores spare sun and gives it back to the house.";
  const make = REASONS[decision.reason];
  const needs = ["cheap_now", "store_surplus", "save_for_later", "room_for_later"].includes(decision.reason);
  const figures = decision.price_now !== null && (!needs || (decision.price_later ?? decision.worth) !== null);
  if (make === undefined || (!figures && decision.text)) return decision.text || `The plan says: ${regimeName(decision.regime)}.`;
  return make(
    {
      now: price(decision.price_now),
      later: price(decision.price_later ?? decision.worth),
      when: decision.later_utc === null ? "" : `at ${clock.near(new Date(decision.later_utc), now)}`,
    },
    decision,
  ).replace(" for at ", " for ");
}

const CAR: Record<string, Sentence> = {
  cheap_now: ({ now }) => `Energy costs ${now}, less than at other times until it leaves.`,
  departure: ({ now }) => `It charges to be ready in time; energy costs ${now}.`,
  store_surplus: () => "It takes the sun that the house has to spare.",
  save_for_later: ({ later, when }) => `It waits: energy is cheaper${when && ` ${when}`}${later && ` (${later})`}.`,
  nothing_to_gain: () => "It waits for a cheaper time.",
  room_for_later: () => "It waits for a cheaper time.",
  full: () => "It is as full as it is to be.",
};

/** Why the plan does with the car what it does. */
export function carWhy(decision: Decision, clock: HouseClock, now: Date): string {
  const make = CAR[decision.reason];
  if (make === undefined) return decision.text;
  const when = decision.later_utc === null ? "" : `at ${clock.near(new Date(decision.later_utc), now)}`;
  return make({ now: price(decision.price_now), later: decision.price_later === null ? "" : price(decision.price_later), when }, decision);
}

const UNPRICED: Record<string, string> = {
  full: "The battery is full.",
  empty: "The battery is empty down to its reserve.",
  rule: "No plan can be made: the battery follows the rule, storing spare sun and giving it back.",
};

const LIMITS: Record<string, string> = {
  contract_max: "the contract, buying",
  contract_min: "the contract, selling",
  grid_max: "buying limit of now",
  grid_min: "selling limit of now",
  tube_high: "agreed profile, upper edge",
  tube_low: "agreed profile, lower edge",
  soc_high: "the battery's size",
  soc_low: "the battery's reserve",
  rate_high: "charging speed",
  rate_low: "discharging speed",
};

/** The limit that binds, and what one more kWh of it would save. */
export function limit(decision: Decision): string {
  if (!decision.binding) return "none";
  const name = LIMITS[decision.binding] ?? decision.binding.replaceAll("_", " ");
  return decision.binding_worth > 0.0005 ? `${name}; worth ${price(decision.binding_worth)}` : name;
}

export function nextChange(decision: Decision, clock: HouseClock, now: Date): string {
  if (decision.next === null) return "none planned";
  const { at_utc, regime, power_kw } = decision.next;
  const power = Math.abs(power_kw) < 0.05 ? "" : ` ${kw(Math.abs(power_kw))}`;
  return `from ${clock.near(new Date(at_utc), now)}: ${regimeName(regime)}${power}`;
}

export function expected({ expected: { hours, demand_kwh, production_kwh } }: PlanNow): string {
  if (hours <= 0) return "the plan has ended";
  const sun = production_kwh > 0.05 ? `, sun ${kwh(production_kwh)}` : "";
  return `house ${kwh(demand_kwh)}${sun}`;
}

export function status(plan: PlanNow): { text: string; tone: string } {
  if (plan.status === "fallback") return { text: "By rule, without a plan", tone: "warn" };
  if (plan.status === "degraded") return { text: "Planned with a lack", tone: "wait" };
  return { text: "Planned", tone: "good" };
}

/** Who else decides, so that the plan's reason is not taken for the reason of what is seen. */
export function overruled(state: State): string {
  if (state.hands_off) return "Hands off is on, so the plan is only looked at.";
  const names = new Set(state.storages.map((storage) => storage.device));
  const other = state.actuators.find((one) => names.has(one.device) && one.held && !["plan", "idle"].includes(one.owner));
  return other ? OTHERS[other.owner] ?? `Just now ${other.owner} decides instead of the plan.` : "";
}

const OTHERS: Partial<Record<Actuator["owner"], string>> = {
  manual: "Just now you steer the battery by hand; the plan goes on when you give it back.",
  safety: "Just now the battery's own safety decides instead of the plan.",
  envelope: "Just now the connection's limit decides instead of the plan.",
  utility: "Just now the utility's request decides instead of the plan.",
};
