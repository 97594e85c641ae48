// The devices: what each is, how it is, all its newest values.

import { sentence } from "../actuators";
import { ask, order, orderAt } from "../api";
import { KeyedList, nobodyMayLook, text } from "../dom";
import { line } from "../devices";
import { ago } from "../format";
import type { Answer, Device, DeviceReadings } from "../model";
import { may } from "../session";
import * as words from "../words";
import type { Host } from "./index";
import { card, el, fault, field, type Form, form, head, sure, textInput, trouble } from "./kit";

const EVERY_MS = 2000;
const PATH = "/api/v1/devices";

type Tell = (words: string) => void;

interface Card {
  root: HTMLElement;
  state: HTMLElement;
  role: HTMLElement;
  age: HTMLElement;
  facts: HTMLElement;
  rows: HTMLElement;
}

export function devices(host: Host): HTMLElement {
  const session = host.session();
  const steers = session !== null && may(session, "commission");
  const grid = el("div", { class: "device-cards" });
  const said = el("p", { class: "quiet", role: "status" }, "One moment …");
  const scan = el("button", { class: "button plain", type: "button" }, "Look for devices");
  scan.addEventListener("click", () => void busily(scan, { tell: told }, "Looking for devices …", () => order("scan", {})));
  const told: Tell = (words) => text(answered, words);
  const answered = el("p", { class: "said", role: "status" });
  const list = new KeyedList<DeviceReadings, Card>(grid, ({ device }) => device.name, ({ device }) => create(device, steers ? told : null), update);
  const look = async (): Promise<void> => {
    if (!document.hidden && !nobodyMayLook()) {
      try {
        const found = (await ask<{ devices: DeviceReadings[] }>("/api/v1/devices")).devices;
        list.show(found);
        text(said, found.length === 0 ? "No device has been found yet." : "");
      } catch (error) {
        text(said, trouble(error));
      }
    }
    // While nobody is let in this screen waits to be shown again.
    window.setTimeout(() => (root.isConnected || nobodyMayLook()) && void look(), EVERY_MS);
  };
  const root = el("div", { class: "cards" }, head("Devices", "What answers in this house, and what it says.", steers ? scan : null), answered, said, grid, steers ? add() : null);
  void look();
  return root;
}

function create(device: Device, told: Tell | null): Card {
  const { name } = device;
  const parts = { state: el("span", { class: "chip" }), role: el("p", { class: "quiet" }), age: el("span", { class: "quiet age" }), facts: el("dl", { class: "facts" }), rows: el("tbody") };
  const root = el(
    "article",
    { class: "card device-card" },
    el("div", { class: "card-head" }, el("h3", {}, words.capital(name)), el("span", { class: "device-state" }, parts.state, parts.age)),
    parts.role,
    parts.facts,
    el(
      "details",
      { class: "by-table" },
      el("summary", {}, "Newest values"),
      el("table", { class: "readings" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Value of"), el("th", { scope: "col" }, "Reading"), el("th", { scope: "col" }, "Age"))), parts.rows),
    ),
    told !== null && device.protocol !== "feed" ? manage(name, told) : null,
  );
  return { root, ...parts };
}

/** What whoever sets up devices does with one: see that it answers, call it otherwise, let it go. */
function manage(name: string, told: Tell): HTMLElement {
  const path = `${PATH}/${encodeURIComponent(name)}`;
  const test = el("button", { class: "button plain", type: "button" }, "Test");
  const away = el("button", { class: "button plain warn", type: "button" }, "Remove");
  const anew = field("Name", textInput("device-name", { maxlength: 32, autocomplete: "off", value: name }), "Small letters, digits and dashes. Its history goes with it.");
  const made = form({
    submit: "Rename",
    children: [anew.root],
    send: async () => {
      const wanted = anew.input.value.trim().toLowerCase();
      if (wanted === name) throw new Error("This is its name already.");
      made.tell("Written, and put into force …");
      told(done(await orderAt(`${path}/rename`, { name: wanted })));
    },
    beside: [test, away],
  });
  test.addEventListener("click", () => void busily(test, made, `Listening to ${name} …`, () => orderAt(`${path}/test`, {})));
  away.addEventListener("click", () => void remove());
  const remove = async (): Promise<void> => {
    if (!(await sure(`Remove ${name}?`, "It is given back to its own rules and configured no more. Its history stays, and its name is kept for it.", "Remove"))) return;
    await busily(away, made, "One moment …", async () => {
      const answer = await orderAt(`${path}/remove`, {});
      if (answer.outcome !== "refused") told(sentence(answer)); // the card goes with the device
      return answer;
    });
  };
  return el("details", { class: "by-table" }, el("summary", {}, "Test, rename, remove"), made.root);
}

async function busily(button: HTMLButtonElement, made: Pick<Form, "tell">, wait: string, work: () => Promise<Answer>): Promise<void> {
  button.disabled = true;
  made.tell(wait);
  const answer = await work();
  made.tell(sentence(answer), answer.outcome === "refused");
  button.disabled = false;
}

/** What an answer says; a refusal is thrown. */
function done(answer: Answer): string {
  if (answer.outcome === "refused") throw new Error(sentence(answer));
  return sentence(answer);
}

function add(): HTMLElement {
  const protocol = field("Protocol", el("select", { name: "protocol" }, el("option", { value: "modbus" }, "Modbus")));
  const address = field("Address", textInput("address", { maxlength: 200, autocomplete: "off", placeholder: "192.168.1.50" }), "On the network such as 192.168.1.50 or 192.168.1.50:502; a serial line such as /dev/ttyUSB0.");
  const name = field("Name", textInput("new-device", { maxlength: 32, autocomplete: "off" }), "May stay empty; it can be renamed later.");
  const unit = field("Unit", el("input", { type: "number", name: "unit", min: 0, max: 255, step: 1, inputmode: "numeric" }), "Empty: 1.");
  const template = field("Template", textInput("template", { maxlength: 64, autocomplete: "off" }), "For a device that does not speak SunSpec, such as keba-p30.");
  const most = field("Amperes at most", el("input", { type: "number", name: "max_a", min: 6, max: 80, step: "any", inputmode: "decimal" }), "Of a template's charge point.");
  const phases = field("Phases", el("input", { type: "number", name: "phases", min: 1, max: 3, step: 2, inputmode: "numeric" }), "Of a template's charge point: 1 or 3.");
  const made = form({
    submit: "Add",
    children: [protocol.root, address.root, name.root, el("details", { class: "by-table" }, el("summary", {}, "More"), el("div", { class: "more" }, unit.root, template.root, most.root, phases.root))],
    good: () => {
      fault(address, address.input.value.trim() ? "" : "An address is missing.");
      if (!address.input.value.trim()) address.input.focus();
      return address.input.value.trim() !== "";
    },
    send: async () => {
      made.tell("Written, and looked for; this takes up to half a minute …");
      const body: Record<string, string | number> = { protocol: protocol.input.value, address: address.input.value.trim() };
      if (template.input.value.trim()) body.template = template.input.value.trim();
      for (const { input } of [unit, most, phases]) if (input.value) body[input.name] = Number(input.value);
      if (name.input.value.trim()) body.name = name.input.value.trim().toLowerCase();
      const answer = done(await orderAt(PATH, body));
      made.root.reset();
      return answer;
    },
  });
  return card("Add a device", made.root);
}

function update(card: Card, { device, readings }: DeviceReadings): void {
  const condition = words.condition(device);
  text(card.state, condition.text);
  card.state.className = `chip ${condition.tone}`;
  text(card.role, [words.roles(device), device.actuator ? "can be steered" : "only read"].join(", "));
  text(card.age, ago(device.age_s));
  const known: [string, string][] = [
    ["Made by", [device.maker, device.model].filter(Boolean).join(" ")],
    ["Answers at", [device.protocol, device.address].filter(Boolean).join(" · ")],
    ["Serial number", device.serial],
    ["Version", device.version],
    ["Note", device.detail],
  ];
  const shown = known.filter(([, value]) => value);
  const key = shown.map((pair) => pair.join("=")).join(";");
  if (card.facts.dataset.key !== key) {
    card.facts.dataset.key = key;
    card.facts.replaceChildren(...shown.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
  }
  card.rows.replaceChildren(...readings.map(line));
}
