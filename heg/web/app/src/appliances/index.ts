// The appliances: how each is, what it is told and why, what it asked for, and its owner's buttons. A bundle of its own,
// loaded in houses that have any; there may be hundreds, so that they are asked for only when something changed.

import "./appliances.css";

import { sentence } from "../actuators";
import { ask, order } from "../api";
import { byId, KeyedList, make, nobodyMayLook, show, text } from "../dom";
import type { HouseClock } from "../format";
import type { AppliancesAtAGlance } from "../model";
import { capital } from "../words";
import { type Appliance, about, chip, facts, first, glance, own, steady, why } from "./words";

const SHOWN = 8;
const LEAST_MS = 1000;
const STALE_MS = 60_000; // what only time ends (a period, a request) is gone within that
const TIMES: readonly [string, number][] = [["15 min", 15], ["1 h", 60], ["4 h", 240], ["12 h", 720]];
const STATES: readonly [string, string][] = [["On", "on"], ["Standby", "standby"], ["Off", "off"]];

interface Row {
  root: HTMLDetailsElement;
  chip: HTMLElement;
  why: HTMLElement;
  make: HTMLElement;
  facts: HTMLElement;
  also: HTMLElement;
}

export class AppliancesView {
  private clock: HouseClock;
  private known: Appliance[] = [];
  private order: string[] = [];
  private changed = -1;
  private asked = -LEAST_MS;
  private asking = false;
  private every = false;
  private readonly summary = make("p", "quiet");
  private readonly rows = make("div", "devices");
  private readonly more = make("button", "button small");
  private readonly list = new KeyedList<Appliance, Row>(
    this.rows,
    (one) => one.device,
    (one) => create(one),
    (row, one) => update(row, one, this.clock),
  );

  constructor(clock: HouseClock) {
    this.clock = clock;
    const title = make("h2", "", "Appliances");
    title.id = "appliances-title";
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.every = !this.every;
      this.draw();
    });
    byId("appliances").replaceChildren(make("div", "card-head", title, this.summary), this.rows, this.more);
  }

  show(seen: AppliancesAtAGlance, clock: HouseClock): void {
    this.clock = clock;
    text(this.summary, glance(seen));
    if (seen.changed !== this.changed || performance.now() - this.asked > STALE_MS) void this.refresh(seen.changed);
  }

  private async refresh(changed: number): Promise<void> {
    if (this.asking || document.hidden || nobodyMayLook() || performance.now() - this.asked < LEAST_MS) return;
    this.asking = true;
    this.asked = performance.now();
    try {
      this.known = (await ask<{ appliances: Appliance[] }>("/api/v1/appliances")).appliances;
      this.changed = changed;
      this.draw();
    } catch {
      // The connection banner says it already.
    } finally {
      this.asking = false;
    }
  }

  private draw(): void {
    const open = new Set([...this.rows.querySelectorAll<HTMLDetailsElement>("details[open]")].map((row) => row.dataset.device));
    // What was opened is being read or switched: only when all are closed do they take their places anew.
    const sorted = open.size > 0 ? steady(first(this.known), this.order) : first(this.known);
    this.order = sorted.map((one) => one.device);
    this.list.show(this.every ? sorted : sorted.filter((one, index) => index < SHOWN || open.has(one.device)));
    show(this.more, sorted.length > SHOWN);
    text(this.more, this.every ? "Show fewer" : `Show all ${sorted.length}`);
  }
}

function create(one: Appliance): Row {
  const row: Row = {
    root: make("details", "device appliance"),
    chip: make("span", "chip"),
    why: make("span", "appliance-why quiet"),
    make: make("span", "quiet"),
    facts: make("dl", "facts"),
    also: make("ul", "appliance-also quiet"),
  };
  row.root.dataset.device = one.device;
  const name = make("span", "device-name", make("strong", "", capital(one.device)), row.make);
  row.root.append(
    make("summary", "", name, row.why, make("span", "device-state", row.chip)),
    make("div", "appliance-body", row.also, row.facts, byHand(one.device)),
  );
  return row;
}

/** The owner's word goes before everything but what the connection stands, for a while or until it is taken back. */
function byHand(device: string): HTMLElement {
  const minutes = make("select");
  minutes.append(...TIMES.map(([words, value]) => new Option(words, String(value), value === 60, value === 60)));
  const answer = make("p", "quiet");
  answer.setAttribute("role", "status");
  const give = (words: string, kind: string, body: () => object) => {
    const button = make("button", `button ${kind}`, words);
    button.type = "button";
    button.addEventListener("click", () => void send(buttons, answer, { device, ...body() }));
    return button;
  };
  const buttons = [
    ...STATES.map(([words, state]) => give(words, "plain", () => ({ power_state: state, minutes: Number(minutes.value) }))),
    give("Let go", "plain", () => ({ release: true })),
  ];
  const group = make("div", "row", ...buttons);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `Switch ${capital(device)} by hand`);
  const place = make("div", "by-hand", make("label", "", "By hand, for", minutes), group, answer);
  place.dataset.needs = "command";
  return place;
}

async function send(buttons: readonly HTMLButtonElement[], place: HTMLElement, body: object): Promise<void> {
  for (const button of buttons) button.disabled = true;
  text(place, "One moment …");
  text(place, sentence(await order("manual", body)));
  for (const button of buttons) button.disabled = false;
}

function update(row: Row, one: Appliance, clock: HouseClock): void {
  const state = chip(one);
  text(row.chip, state.text);
  row.chip.className = `chip ${state.tone}`;
  text(row.why, why(one));
  text(row.make, own(one));
  lines(row.also, about(one, clock), (words) => make("li", "", words));
  lines(row.facts, facts(one), ([name, value]) => make("div", "", make("dt", "", name), make("dd", "", value)));
}

/** Written anew only where something differs, so that whoever reads or selects is left in peace. */
function lines<T>(place: HTMLElement, items: readonly T[], line: (item: T) => HTMLElement): void {
  const said = JSON.stringify(items);
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  place.replaceChildren(...items.map(line));
  show(place, items.length > 0);
}
