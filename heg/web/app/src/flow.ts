// The power flow: four places and the wires between them. What flows where is worked out from four measured powers.

import { attribute, byId, text } from "./dom";
import { kw, percent } from "./format";
import type { Figure, Power, Storage } from "./model";
import { capital, direction } from "./words";

const SVG = "http://www.w3.org/2000/svg";
const QUIET_KW = 0.02;

type Source = "sun" | "battery" | "grid";
type Place = "sun" | "house" | "battery" | "grid";

const MIDDLE = 320;
const NARROW = "(max-width: 640px)";

interface Layout {
  /** How far grid and house stand from the middle. */
  reach: number;
  viewBox: string;
}

const WIDE: Layout = { reach: 238, viewBox: "0 0 640 430" };
const PHONE: Layout = { reach: 152, viewBox: "98 14 444 402" };

/** The wires as paths; each begins and ends at the rim of a disc. */
function paths({ reach }: Layout): Record<string, string> {
  const left = MIDDLE - reach + 62;
  const right = MIDDLE + reach - 62;
  const bend = Math.min(96, (right - MIDDLE) * 0.55);
  return {
    "sun-house": `M350 137 C362 200 ${right - bend} 212 ${right} 212`,
    "sun-battery": "M320 144 L320 286",
    "sun-grid": `M290 137 C278 200 ${left + bend} 212 ${left} 212`,
    "grid-house": `M${left} 224 L${right} 224`,
    "grid-battery": `M${left} 236 C${left + bend} 236 278 248 290 293`,
    "battery-house": `M350 293 C362 248 ${right - bend} 236 ${right} 236`,
    "battery-grid": `M290 293 C278 248 ${left + bend} 236 ${left} 236`,
  };
}

/** kW on each wire, by "from-to". */
export type Flows = Record<string, number>;

/** Share the sun out first to the house, then to the battery, then to the grid; likewise what the battery gives. */
export function flows(sun: number, battery: number, grid: number): Flows {
  const produced = Math.max(0, sun);
  const given = Math.max(0, -battery);
  const stored = Math.max(0, battery);
  const bought = Math.max(0, grid);
  const sold = Math.max(0, -grid);
  const house = Math.max(0, produced + given + bought - stored - sold);
  const sunHouse = Math.min(produced, house);
  const sunBattery = Math.min(produced - sunHouse, stored);
  const sunGrid = Math.min(produced - sunHouse - sunBattery, sold);
  const batteryHouse = Math.min(given, house - sunHouse);
  const batteryGrid = Math.min(given - batteryHouse, sold - sunGrid);
  return {
    "sun-house": sunHouse,
    "sun-battery": sunBattery,
    "sun-grid": sunGrid,
    "battery-house": batteryHouse,
    "battery-grid": batteryGrid,
    "grid-battery": Math.max(0, stored - sunBattery),
    "grid-house": Math.max(0, house - sunHouse - batteryHouse),
  };
}

export class FlowView {
  private readonly wires = new Map<string, SVGGElement>();
  private readonly nodes: Record<Place, SVGGElement> = {
    sun: byId<SVGGElement>("node-sun"),
    grid: byId<SVGGElement>("node-grid"),
    house: byId<SVGGElement>("node-house"),
    battery: byId<SVGGElement>("node-battery"),
  };

  constructor() {
    const parent = byId<SVGGElement>("wires");
    for (const name of Object.keys(paths(WIDE))) {
      const group = document.createElementNS(SVG, "g");
      group.append(line("track"), line("pulse"));
      parent.append(group);
      this.wires.set(name, group);
    }
    const narrow = window.matchMedia(NARROW);
    narrow.addEventListener("change", () => this.lay(narrow.matches ? PHONE : WIDE));
    this.lay(narrow.matches ? PHONE : WIDE);
  }

  show(power: Power, storages: readonly Storage[]): void {
    this.node("sun", power.pv_kw, Math.abs(power.pv_kw?.value ?? 0));
    this.node("house", power.house_kw, power.house_kw.value ?? 0);
    this.node("grid", power.grid_kw, Math.abs(power.grid_kw.value ?? 0));
    this.node("battery", power.battery_kw, Math.abs(power.battery_kw?.value ?? 0));
    const grid = power.grid_kw.value;
    const battery = power.battery_kw?.value ?? null;
    this.name("sun", "Sun", power.pv_kw);
    this.name("house", "House", power.house_kw);
    this.name("grid", `Grid, ${direction(grid, "buying", "selling", "quiet")}`, power.grid_kw);
    this.name("battery", capital(direction(battery, "charging", "giving", "resting")), power.battery_kw);
    this.charge(storages);
    const shared = flows(power.pv_kw?.value ?? 0, battery ?? 0, grid ?? 0);
    for (const [name, wire] of this.wires) this.wire(name, wire, shared[name] ?? 0, power);
    this.shares(shared);
    this.describe(power, storages);
  }

  private lay(layout: Layout): void {
    attribute(byId<SVGSVGElement>("flow"), "viewBox", layout.viewBox);
    attribute(this.nodes.grid, "transform", `translate(${MIDDLE - layout.reach} 224)`);
    attribute(this.nodes.house, "transform", `translate(${MIDDLE + layout.reach} 224)`);
    for (const [name, path] of Object.entries(paths(layout))) {
      for (const drawn of this.wires.get(name)?.children ?? []) attribute(drawn, "d", path);
    }
  }

  private node(name: Place, figure: Figure | null, size_kw: number): void {
    const node = this.nodes[name];
    node.style.display = figure === null ? "none" : "";
    if (figure === null) return;
    node.classList.toggle("busy", size_kw > QUIET_KW);
    node.classList.toggle("stale", figure.quality !== "good");
    const value = figure.value === null ? null : name === "house" ? figure.value : Math.abs(figure.value);
    text(part(node, "value"), kw(value));
  }

  private name(node: Place, words: string, figure: Figure | null): void {
    // A value that is no longer good says so where it stands.
    const old = figure !== null && figure.value !== null && figure.quality !== "good";
    text(part(this.nodes[node], "name"), old ? "Old value" : words);
  }

  private charge(storages: readonly Storage[]): void {
    const socs = storages.map((storage) => storage.soc.value).filter((value): value is number => value !== null);
    const soc = socs.length === 0 ? null : socs.reduce((sum, value) => sum + value, 0) / socs.length;
    const battery = this.nodes.battery;
    text(part(battery, "soc"), percent(soc));
    const ring = battery.querySelector<SVGCircleElement>(".charge");
    const fill = battery.querySelector<SVGRectElement>(".fill");
    if (ring) attribute(ring, "stroke-dasharray", `${((soc ?? 0) * 100).toFixed(1)} 100`);
    if (ring) ring.style.strokeDasharray = `${((soc ?? 0) * 100).toFixed(1)} 100`;
    if (fill) attribute(fill, "width", (14 * (soc ?? 0)).toFixed(1));
  }

  private wire(name: string, wire: SVGGElement, flow_kw: number, power: Power): void {
    const [from, to] = name.split("-") as [Source, Place];
    const absent = (place: Place) => (place === "sun" && power.pv_kw === null) || (place === "battery" && power.battery_kw === null);
    wire.style.display = absent(from) || absent(to) ? "none" : "";
    const pace = flow_kw < 0.5 ? 1 : flow_kw < 1.5 ? 2 : flow_kw < 3.5 ? 3 : 4;
    attribute(wire, "class", flow_kw > QUIET_KW ? `wire from-${from} on pace-${pace}` : `wire from-${from}`);
  }

  private shares(shared: Flows): void {
    const parts: [Source, number][] = [
      ["sun", shared["sun-house"] ?? 0],
      ["battery", shared["battery-house"] ?? 0],
      ["grid", shared["grid-house"] ?? 0],
    ];
    const whole = parts.reduce((sum, [, value]) => sum + value, 0);
    let start = 0;
    for (const [source, value] of parts) {
      const ring = this.nodes.house.querySelector<SVGCircleElement>(`.share.from-${source}`);
      const share = whole > QUIET_KW ? (value / whole) * 100 : 0;
      if (ring) {
        ring.style.strokeDasharray = `${share.toFixed(1)} 100`;
        ring.style.strokeDashoffset = `${(-start).toFixed(1)}`;
      }
      start += share;
    }
  }

  private describe(power: Power, storages: readonly Storage[]): void {
    const pieces = [`House uses ${kw(power.house_kw.value)}`];
    if (power.pv_kw) pieces.push(`sun gives ${kw(power.pv_kw.value)}`);
    if (power.battery_kw) {
      const doing = direction(power.battery_kw.value, "charges with", "gives", "rests at");
      pieces.push(`battery ${doing} ${kw(abs(power.battery_kw.value))}, ${percent(storages[0]?.soc.value ?? null)} full`);
    }
    pieces.push(`grid ${direction(power.grid_kw.value, "gives", "takes", "is quiet at")} ${kw(abs(power.grid_kw.value))}`);
    text(byId("flow-text"), `${pieces.join(", ")}.`);
  }
}

function line(className: string): SVGPathElement {
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("class", className);
  return path;
}

function abs(value: number | null): number | null {
  return value === null ? null : Math.abs(value);
}

function part(node: SVGGElement, name: string): SVGElement {
  const found = node.querySelector<SVGElement>(`[data-part="${name}"]`);
  if (found === null) throw new Error(`the flow lacks ${name}`);
  return found;
}
