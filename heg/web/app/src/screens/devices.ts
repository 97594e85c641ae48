// The devices: what each is, how it is, all its newest values.

import { ask } from "../api";
import { KeyedList, text } from "../dom";
import { line } from "../devices";
import { ago } from "../format";
import type { DeviceReadings } from "../model";
import * as words from "../words";
import type { Host } from "./index";
import { el, head, trouble } from "./kit";

const EVERY_MS = 2000;

interface Card {
  root: HTMLElement;
  state: HTMLElement;
  role: HTMLElement;
  age: HTMLElement;
  facts: HTMLElement;
  rows: HTMLElement;
}

export function devices(_host: Host): HTMLElement {
  const grid = el("div", { class: "device-cards" });
  const said = el("p", { class: "quiet", role: "status" }, "One moment …");
  const list = new KeyedList<DeviceReadings, Card>(grid, ({ device }) => device.name, ({ device }) => create(device.name), update);
  const look = async (): Promise<void> => {
    if (!document.hidden) {
      try {
        const found = (await ask<{ devices: DeviceReadings[] }>("/api/v1/devices")).devices;
        list.show(found);
        text(said, found.length === 0 ? "No device has been found yet." : "");
      } catch (error) {
        text(said, trouble(error));
      }
    }
    window.setTimeout(() => root.isConnected && void look(), EVERY_MS);
  };
  const root = el("div", { class: "cards" }, head("Devices", "What answers in this house, and what it says."), said, grid);
  void look();
  return root;
}

function create(name: string): Card {
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
  );
  return { root, ...parts };
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
