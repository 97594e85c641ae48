// One card for each actuator: what it does, why, who decided, what it reads back; and the owner's hand on it.

import { order } from "./api";
import { byId, fromTemplate, KeyedList, show, text } from "./dom";
import { duration, kw, number } from "./format";
import type { Actuator, Answer, Storage } from "./model";
import * as words from "./words";

interface Shown {
  actuator: Actuator;
  storage: boolean;
}

interface Card {
  root: HTMLElement;
  part: <E extends Element = HTMLElement>(name: string) => E;
}

export class ActuatorsView {
  private readonly list = new KeyedList<Shown, Card>(
    byId("actuators"),
    ({ actuator }) => actuator.device,
    ({ actuator }) => create(actuator.device),
    update,
  );

  show(actuators: readonly Actuator[], storages: readonly Storage[]): void {
    const names = new Set(storages.map((storage) => storage.device));
    this.list.show(actuators.map((actuator) => ({ actuator, storage: names.has(actuator.device) })));
    show(byId("actuators"), actuators.length > 0);
    show(byId("no-actuators"), actuators.length === 0);
  }
}

function create(device: string): Card {
  const card = fromTemplate("actuator-template");
  const form = card.part<HTMLFormElement>("form");
  const answer = card.part("answer");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.reportValidity()) return;
    const given = new FormData(form);
    void send(form, answer, "manual", {
      device,
      regime: given.get("regime"),
      power_kw: Number(given.get("power")),
      minutes: Number(given.get("minutes")),
    });
  });
  card.part("release").addEventListener("click", () => void send(form, answer, "manual", { device, release: true }));
  card.part("try").addEventListener("click", () => {
    void send(form, answer, "try", { device, power_kw: 1 }, "Moving it by 1 kW and watching the grid meter; this takes a few minutes of house time …");
  });
  return card;
}

async function send(form: HTMLFormElement, place: HTMLElement, name: string, body: object, wait = "One moment …"): Promise<void> {
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  text(place, wait);
  const answer = await order(name, body);
  text(place, sentence(answer));
  for (const button of buttons) button.disabled = false;
}

export function sentence(answer: Answer): string {
  const said = [...new Set([answer.text, answer.refusal])].filter((piece) => piece);
  const start = { done: "Done", partly: "Partly done", refused: "Refused" }[answer.outcome];
  return said.length === 0 ? `${start}.` : `${start}: ${said.join(" – ")}`;
}

/** What a power means at this device: a storage charges or gives, anything else produces or draws. */
function meaning(value: number | null, storage: boolean): string {
  if (value === null) return kw(null);
  const [up, down] = storage ? ["charging", "giving"] : ["producing", "drawing"];
  const doing = words.direction(value, up, down, "");
  return doing ? `${doing} ${kw(Math.abs(value))}` : "at rest";
}

/** The regime and what is measured, in one breath where they say the same. */
function doing(actuator: Actuator, measured: number | null, storage: boolean): string {
  const regime = words.regime(actuator);
  if (measured === null) return regime;
  const [verb, ...rest] = meaning(measured, storage).split(" ");
  const same = { charge: "charging", discharge: "giving" }[actuator.regime] === verb && actuator.held;
  return same ? [regime, ...rest].join(" ") : `${regime}, ${[verb, ...rest].join(" ")}`;
}

function update(card: Card, { actuator, storage }: Shown): void {
  const state = words.verdict(actuator);
  text(card.part("title"), words.capital(actuator.device));
  // What is left to itself needs no figures; the regimes by hand are a storage's.
  show(card.part("facts"), actuator.held);
  show(card.part("by-hand"), storage);
  text(card.part("state"), state.text);
  card.part("state").className = `chip ${state.tone}`;
  const measured = actuator.measured_kw.value;
  text(card.part("regime"), doing(actuator, measured, storage));
  text(card.part("why"), actuator.reason_text);
  text(card.part("told"), told(actuator, storage));
  text(card.part("read"), meaning(actuator.read_back_kw, storage));
  text(card.part("measured"), meaning(measured, storage));
  text(card.part("owner"), actuator.held ? words.owner(actuator) : "the device itself");
  text(card.part("expiry"), actuator.held ? `in ${duration(actuator.expires_in_s)}` : "not held");
  const left = actuator.writes_left === null ? "" : `, ${number(actuator.writes_left)} left`;
  text(card.part("writes"), `${number(actuator.writes_today)}${left}`);
}

function told(actuator: Actuator, storage: boolean): string {
  if (!actuator.held) return "nothing";
  if (actuator.set_kw !== null) return meaning(actuator.set_kw, storage);
  return actuator.native ? "its own mode" : "nothing";
}
