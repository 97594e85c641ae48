// The car at each charger: how full it is believed to be, when it leaves, and a form for what only its person knows.

import { sentence } from "./actuators";
import { order } from "./api";
import { byId, fromTemplate, KeyedList, show, text } from "./dom";
import { type HouseClock, kw, kwh, percent, UNKNOWN } from "./format";
import type { State, Vehicle } from "./model";
import * as plan from "./plan_words";
import * as words from "./words";

interface Card {
  root: HTMLElement;
  part: <E extends Element = HTMLElement>(name: string) => E;
}

interface Shown {
  vehicle: Vehicle;
  state: State;
  clock: HouseClock;
}

export class CarsView {
  private readonly list = new KeyedList<Shown, Card>(
    byId("cars"),
    ({ vehicle }) => vehicle.charger,
    ({ vehicle }) => create(vehicle.charger),
    update,
  );

  show(state: State, clock: HouseClock): void {
    this.list.show(state.vehicles.map((vehicle) => ({ vehicle, state, clock })));
  }
}

function create(charger: string): Card {
  const card = fromTemplate("car-template");
  const form = card.part<HTMLFormElement>("form");
  card.root.setAttribute("aria-label", `Car at ${charger}`);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (form.reportValidity()) void send(card, form, { charger, ...asked(new FormData(form)) });
  });
  card.part("forget").addEventListener("click", () => void send(card, form, { charger, forget: true }));
  return card;
}

/** What was filled in; what was left empty is not said. Shares are told as percent by people. */
export function asked(given: { get(name: string): unknown }): Record<string, string | number> {
  const body: Record<string, string | number> = {};
  const departure = String(given.get("departure") ?? "");
  if (departure) body.departure = departure;
  for (const name of ["target", "soc"]) {
    const value = String(given.get(name) ?? "").trim();
    if (value) body[name] = Number(value) / 100;
  }
  const capacity = String(given.get("capacity") ?? "").trim();
  if (capacity) body.capacity_kwh = Number(capacity);
  return body;
}

async function send(card: Card, form: HTMLFormElement, body: object): Promise<void> {
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  const answer = await order("plug-in", body);
  text(card.part("answer"), sentence(answer));
  if (answer.outcome === "done") form.reset();
  for (const button of buttons) button.disabled = false;
}

function update(card: Card, { vehicle, state, clock }: Shown): void {
  const { plugged } = vehicle;
  const now = new Date(state.time.utc);
  text(card.part("title"), state.vehicles.length > 1 ? `Car at ${vehicle.charger}` : "Car");
  text(card.part("state"), plugged ? "Plugged in" : "Not plugged in");
  card.part("state").className = `chip ${plugged ? "good" : ""}`;
  text(card.part("what"), what(vehicle));
  const decision = plugged && state.plan !== null ? state.plan.vehicle : null;
  const next = decision ? plan.nextChange(decision, clock, now) : "";
  const why = decision ? `${plan.carWhy(decision, clock, now)}${next.startsWith("from") ? ` Then ${next}.` : ""}` : help(vehicle);
  text(card.part("why"), why);
  show(card.part("facts"), plugged);
  show(card.part("form"), plugged);
  show(card.part("capacity"), vehicle.capacity_kwh === null);
  text(card.part("soc"), charge(vehicle));
  text(card.part("charged"), kwh(vehicle.charged_kwh));
  const leaves = vehicle.departure_utc ? new Date(vehicle.departure_utc) : null;
  text(card.part("departure"), leaves && !Number.isNaN(leaves.getTime()) ? clock.near(leaves, now) : "nobody said");
  text(card.part("target"), vehicle.target_soc === null ? "nobody said" : percent(vehicle.target_soc));
}

function what(vehicle: Vehicle): string {
  if (!vehicle.plugged) return vehicle.known ? "No car is plugged in" : "The charger has not told yet whether a car is there";
  const power = vehicle.power_kw.value;
  const doing = words.direction(power, "Charging", "Giving", "Waiting");
  return power !== null && Math.abs(power) > 0.05 ? `${doing} with ${kw(Math.abs(power))}` : doing === "unknown" ? "Plugged in" : doing;
}

function help(vehicle: Vehicle): string {
  if (!vehicle.plugged) return "When one is, say here when it leaves and how full it is to be then.";
  if (!vehicle.stated) return "Say when it leaves and how full it is, so that it can be charged when energy is cheap.";
  return "";
}

/** The charge is what was said plus what was metered; how sure that is stands with it. */
export function charge(vehicle: Pick<Vehicle, "soc" | "soc_uncertainty">): string {
  if (vehicle.soc === null) return UNKNOWN;
  const sure = vehicle.soc_uncertainty < 0.005;
  return sure ? percent(vehicle.soc) : `${percent(vehicle.soc)} ± ${percent(Math.min(1, vehicle.soc_uncertainty))}`;
}
