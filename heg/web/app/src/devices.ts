// The devices: how each is, how old its values are, where it answers; all its newest values when opened.

import { devices as ask } from "./api";
import { byId, fromTemplate, KeyedList, make, nobodyMayLook, show, text } from "./dom";
import { ago, number } from "./format";
import type { Device, Reading } from "./model";
import * as words from "./words";

interface Row {
  root: HTMLDetailsElement;
  part: <E extends Element = HTMLElement>(name: string) => E;
}

const REFRESH_MS = 2000;

export class DevicesView {
  private readonly rows = new Map<string, Row>();
  private asking = false;
  private readonly list = new KeyedList<Device, Row>(
    byId("devices"),
    (device) => device.name,
    (device) => this.create(device.name),
    update,
  );

  constructor() {
    window.setInterval(() => void this.refresh(), REFRESH_MS);
  }

  show(devices: readonly Device[]): void {
    this.list.show(devices);
    show(byId("no-devices"), devices.length === 0);
  }

  private create(name: string): Row {
    const made = fromTemplate("device-template");
    const row = { root: made.root as HTMLDetailsElement, part: made.part };
    row.root.addEventListener("toggle", () => void this.refresh());
    this.rows.set(name, row);
    return row;
  }

  private async refresh(): Promise<void> {
    const open = [...this.rows].filter(([, row]) => row.root.open && row.root.isConnected);
    if (open.length === 0 || this.asking || document.hidden || nobodyMayLook()) return;
    this.asking = true;
    try {
      const found = await ask();
      for (const [name, row] of open) {
        const readings = found.find((one) => one.device.name === name)?.readings ?? [];
        row.part("rows").replaceChildren(...readings.map(line));
      }
    } catch {
      // The connection banner says it already.
    } finally {
      this.asking = false;
    }
  }
}

function update(row: Row, device: Device): void {
  const state = words.condition(device);
  text(row.part("name"), words.capital(device.name));
  text(row.part("role"), words.roles(device));
  text(row.part("make"), [device.maker, device.model].filter(Boolean).join(" "));
  text(row.part("address"), [device.protocol, device.address].filter(Boolean).join(" · "));
  text(row.part("state"), state.text);
  row.part("state").className = `chip ${state.tone}`;
  text(row.part("age"), ago(device.age_s));
  const serial = device.serial ? `Serial number ${device.serial}` : "";
  const version = device.version ? `version ${device.version}` : "";
  text(row.part("detail"), [serial, version, device.detail].filter(Boolean).join(" · "));
}

export function line(reading: Reading): HTMLElement {
  const part = reading.part.replace("phase.", "phase ").replace("string.", "string ");
  const name = [NAMES[reading.variable] ?? reading.variable, part].filter(Boolean).join(", ");
  const quality = reading.quality === "good" ? "" : ` (${reading.quality})`;
  return make("tr", "", make("td", "", name), make("td", "", value(reading) + quality), make("td", "", ago(reading.age_s)));
}

function value(reading: Reading): string {
  if (reading.value === null) return "–";
  if (typeof reading.value !== "number") return String(reading.value) || "none";
  // A share has unit 1 in the catalogue; people read percent.
  if (["soc", "soh"].includes(reading.variable)) return `${number(reading.value * 100)}\u00a0%`;
  return reading.unit === "1" ? number(reading.value) : `${number(reading.value)}\u00a0${UNITS[reading.unit] ?? reading.unit}`;
}

const UNITS: Record<string, string> = { degC: "°C", "W/m2": "W/m²" };

const NAMES: Record<string, string> = {
  "power.active": "Power",
  "power.reactive": "Reactive power",
  "power.apparent": "Apparent power",
  "power.factor": "Power factor",
  "power.dc": "DC power",
  "energy.import": "Energy taken or charged",
  "energy.export": "Energy given or discharged",
  "energy.production": "Energy produced",
  "energy.capacity": "Capacity",
  "energy.stored": "Energy stored",
  voltage: "Voltage",
  current: "Current",
  "voltage.dc": "DC voltage",
  "current.dc": "DC current",
  frequency: "Frequency",
  temperature: "Temperature",
  soc: "State of charge",
  soh: "State of health",
  "limit.charge": "Can charge with",
  "limit.discharge": "Can give",
  "limit.production": "May produce",
  "setpoint.power": "Power it was told",
  "state.operating": "State",
  "state.storage": "State of the battery",
  "state.events": "Events",
};
