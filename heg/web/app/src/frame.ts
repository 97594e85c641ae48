// What the charts have in common: their axes, their tones, and a legend whose entries switch curves on and off.

import uPlot from "uplot";

import { make } from "./dom";
import { FONT, type Tone } from "./draw";
import type { HouseClock } from "./format";


/** The style sheet's tones as they are now (they change with the colour scheme). */
export function tonesNow(): Tone {
  const tones = getComputedStyle(document.documentElement);
  return (name) => tones.getPropertyValue(`--${name}`).trim();
}

/** Time in the house's zone. */
export function zoned(clock: HouseClock): (seconds: number) => Date {
  return (seconds) => uPlot.tzDate(new Date(seconds * 1000), clock.zone);
}

/** The axis of time; only the lowest of several charts is labelled. */
export function timeAxis(clock: HouseClock, tone: Tone, labels: boolean): uPlot.Axis {
  const label = (seconds: number, index: number): string => {
    const time = new Date(seconds * 1000);
    const words = clock.time(time);
    return words === "00:00" || index === 0 ? `${words}\n${clock.day(time)}` : words;
  };
  return {
    ...axis(tone, labels ? 42 : 4, 56),
    values: labels ? (_plot, splits) => splits.map(label) : () => [],
  };
}

/** The axis of values, in the words of `label`. */
export function valueAxis(tone: Tone, label: (value: number) => string): uPlot.Axis {
  return { ...axis(tone, 56, 40), values: (_plot, splits) => splits.map(label) };
}

function axis(tone: Tone, size: number, space: number): uPlot.Axis {
  return { stroke: tone("muted"), grid: { stroke: tone("line"), width: 1 }, ticks: { show: false }, font: FONT, size, space };
}

/** One entry of a legend: a button that shows or hides its curve, and the place of its value. */
export function legendEntry(name: string, tone: string, toggle: () => boolean): { button: HTMLElement; value: HTMLElement } {
  const value = make("b", "", "– kW");
  const button = make("button", tone, make("span", "swatch"), name, value);
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  button.addEventListener("click", () => button.setAttribute("aria-pressed", String(toggle())));
  return { button, value };
}
