// One card for each actuator: what it does, why, who decided, what it reads back; and the owner's hand on it.

import { order } from "./api";
import { byId, fromTemplate, KeyedList, show, text } from "./dom";
import { duration, kw } from "./format";
import type { Actuator, Answer } from "./model";
import * as words from "./words";

interface Card {
  root: HTMLElement;
  part: <E extends Element = HTMLElement>(name: string) => E;
}

export class ActuatorsView {
  private readonly list = new KeyedList<Actuator, Card>(
    byId("actuators"),
    (actuator) => actuator.device,
    (actuator) => create(actuator.device),
    update,
  );

  show(actuators: readonly Actuator[]): void {
    this.list.show(actuators);
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
  card.part("try").addEventListener("click", () => void send(form, answer, "try", { device, power_kw: 1 }));
  return card;
}

async function send(form: HTMLFormElement, place: HTMLElement, name: string, body: object): Promise<void> {
  const buttons = [...form.querySelectorAll("button")];
  for (const button of buttons) button.disabled = true;
  text(place, "One moment …");
  const answer = await order(name, body);
  text(place, sentence(answer));
  for (const button of buttons) button.disabled = false;
}

export function sentence(answer: Answer): string {
  const said = [answer.text, answer.refusal].filter((piece) => piece);
  const start = { done: "Done", partly: "Partly done", refused: "Refused" }[answer.outcome];
  return said.length === 0 ? `${start}.` : `${start}: ${said.join(" – ")}`;
}

function update(card: Card, actuator: Actuator): void {
  const state = words.verdict(actuator);
  text(card.part("title"), words.capital(actuator.device));
  text(card.part("state"), state.text);
  card.part("state").className = `chip ${state.tone}`;
  text(card.part("regime"), doing(actuator));
  text(card.part("why"), actuator.reason_text);
  text(card.part("told"), actuator.held ? told(actuator) : "nothing");
  text(card.part("read"), kw(actuator.read_back_kw));
  text(card.part("measured"), kw(actuator.measured_kw.value));
  text(card.part("owner"), actuator.held ? words.owner(actuator) : "the device itself");
  text(card.part("expiry"), actuator.held ? `in ${duration(actuator.expires_in_s)}` : "not held");
  const left = actuator.writes_left === null ? "" : `, ${actuator.writes_left} left`;
  text(card.part("writes"), `${actuator.writes_today}${left}`);
}

function doing(actuator: Actuator): string {
  const regime = words.regime(actuator);
  if (!actuator.held) return regime;
  const now = words.direction(actuator.measured_kw.value, "charging", "giving", "at rest");
  const power = actuator.measured_kw.value;
  if (power === null) return regime;
  return now === "at rest" ? `${regime}, at rest` : `${regime}, ${now} ${kw(Math.abs(power))}`;
}

function told(actuator: Actuator): string {
  if (actuator.set_kw !== null) return kw(actuator.set_kw);
  return actuator.native ? "its own mode" : "nothing";
}
