// Alarms with how to mend them, and the limits of the connection point.

import { byId, fromTemplate, KeyedList, show, text } from "./dom";
import { type HouseClock, kw, number } from "./format";
import type { Alarm, Envelope, Figure } from "./model";
import * as words from "./words";

interface Item {
  root: HTMLElement;
  part: <E extends Element = HTMLElement>(name: string) => E;
}

export class AlarmsView {
  private clock: HouseClock | null = null;
  private readonly list = new KeyedList<Alarm, Item>(
    byId("alarms"),
    (alarm) => `${alarm.place}/${alarm.id}`,
    () => fromTemplate("alarm-template"),
    (item, alarm) => this.update(item, alarm),
  );

  show(alarms: readonly Alarm[], clock: HouseClock): void {
    this.clock = clock;
    this.list.show(alarms);
    show(byId("no-alarms"), alarms.length === 0);
  }

  private update(item: Item, alarm: Alarm): void {
    const tone = { info: "", warning: "wait", alarm: "warn" }[alarm.severity];
    item.part("severity").className = `chip ${tone}`;
    text(item.part("severity"), words.severity(alarm));
    text(item.part("text"), alarm.text);
    text(item.part("mend"), alarm.mend);
    const since = new Date(alarm.since_utc);
    text(item.part("since"), this.clock ? `since ${this.clock.time(since)}, ${this.clock.day(since)}` : "");
  }
}

export function showEnvelope(envelope: Envelope | null, grid: Figure): void {
  show(byId("no-envelope"), envelope === null);
  show(byId("envelope"), envelope !== null);
  if (envelope === null) return;
  const low = envelope.min_kw ?? -Math.max(10, Math.abs(grid.value ?? 0));
  const high = envelope.max_kw ?? Math.max(10, Math.abs(grid.value ?? 0));
  const at = (value: number) => `${Math.min(100, Math.max(0, ((value - low) / Math.max(0.001, high - low)) * 100)).toFixed(2)}%`;
  const zero = document.querySelector<HTMLElement>(".span-zero");
  const now = document.querySelector<HTMLElement>(".span-now");
  if (zero) zero.style.left = at(0);
  if (now) {
    now.style.left = at(grid.value ?? 0);
    now.hidden = grid.value === null;
  }
  text(byId("limit-sell"), envelope.min_kw === null ? "sells without limit" : `sells at most ${kw(Math.max(0, -envelope.min_kw))}`);
  text(byId("limit-buy"), envelope.max_kw === null ? "buys without limit" : `buys at most ${kw(Math.max(0, envelope.max_kw))}`);
  text(byId("limit-text"), sources(envelope));
}

function sources(envelope: Envelope): string {
  const pieces: string[] = [];
  if (envelope.max_a_per_phase !== null) pieces.push(`At most ${number(envelope.max_a_per_phase)} A per phase.`);
  const selling = words.source(envelope.min_source);
  const buying = words.source(envelope.max_source);
  if (selling && selling === buying) pieces.push(`Both from the ${selling}.`);
  else {
    if (selling) pieces.push(`Selling: ${selling}.`);
    if (buying) pieces.push(`Buying: ${buying}.`);
  }
  return pieces.join(" ");
}
