// Asking the gateway: JSON over same-origin requests, and the live stream.

import type { Answer, DeviceReadings, EnergyHistory, PlanPast, PlanWhole, State, WeekState } from "./model";

interface Problem {
  expected?: string;
  came?: string;
  mend?: string;
}

/** The past in minutes from a time on; without one, the last 48 hours. */
export async function energy(from?: Date): Promise<EnergyHistory> {
  const since = from ? `&from=${encodeURIComponent(from.toISOString())}` : "";
  return ask<EnergyHistory>(`/api/v1/energy?resolution=1min${since}`);
}

export async function devices(): Promise<DeviceReadings[]> {
  return (await ask<{ devices: DeviceReadings[] }>("/api/v1/devices")).devices;
}

export async function plan(): Promise<PlanWhole | null> {
  return (await ask<{ plan: PlanWhole | null }>("/api/v1/plan")).plan;
}

/** The days ahead as they were last reckoned. */
export async function week(): Promise<WeekState> {
  return ask<WeekState>("/api/v1/week");
}

/** What was planned and what was done, in quarter hours from a time on. */
export async function planPast(from: Date): Promise<PlanPast> {
  return ask<PlanPast>(`/api/v1/plan/past?from=${encodeURIComponent(from.toISOString())}`);
}

async function ask<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(await problem(response));
  return (await response.json()) as T;
}

/** Send the owner's order; the answer is a sentence either way. */
export async function order(name: string, body: object): Promise<Answer> {
  try {
    const response = await fetch(`/api/v1/commands/${name}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Heg-Request": "1" },
      body: JSON.stringify(body),
    });
    const said = (await response.json()) as Partial<Answer> & Problem;
    if (said.outcome !== undefined) {
      return { outcome: said.outcome, text: said.text ?? "", refusal: said.refusal ?? null, detail: said.detail ?? null };
    }
    return { outcome: "refused", text: sentence(said), refusal: null };
  } catch {
    return { outcome: "refused", text: "The gateway does not answer.", refusal: null };
  }
}

async function problem(response: Response): Promise<string> {
  try {
    return sentence((await response.json()) as Problem);
  } catch {
    return `The gateway answered with status ${response.status}.`;
  }
}

function sentence(said: Problem): string {
  return [`Expected ${said.expected ?? "something else"}`, said.came && `came ${said.came}`, said.mend]
    .filter(Boolean)
    .join("; ");
}

export type Link = "connecting" | "live" | "lost";

const SILENCE_MS = 25_000;
const LONGEST_PAUSE_MS = 10_000;

/** The live stream with a mind of its own: it comes back by itself, and sleeps while nobody looks. */
export class LiveStream {
  private source: EventSource | null = null;
  private pause_ms = 500;
  private timer = 0;
  private everLive = false;

  constructor(
    private readonly onState: (state: State) => void,
    private readonly onLink: (link: Link) => void,
  ) {}

  start(): void {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.rest() : this.open()));
    window.addEventListener("online", () => this.open());
    this.open();
  }

  private open(): void {
    this.close();
    if (document.hidden) return;
    if (!this.everLive) this.onLink("connecting");
    const source = new EventSource("/api/v1/events");
    this.source = source;
    source.addEventListener("state", (event) => this.heard(JSON.parse(event.data as string) as State));
    source.addEventListener("beat", () => this.watch());
    source.addEventListener("error", () => this.lost());
    this.watch();
  }

  private heard(state: State): void {
    this.everLive = true;
    this.pause_ms = 500;
    this.onLink("live");
    this.watch();
    this.onState(state);
  }

  private watch(): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.lost(), SILENCE_MS);
  }

  private lost(): void {
    this.close();
    this.onLink("lost");
    this.timer = window.setTimeout(() => this.open(), this.pause_ms);
    this.pause_ms = Math.min(LONGEST_PAUSE_MS, this.pause_ms * 2);
  }

  private rest(): void {
    this.close();
  }

  private close(): void {
    window.clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
