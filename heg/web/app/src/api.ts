// Asking the gateway: JSON over same-origin requests, and the live stream.

import type { Answer, DeviceReadings, EnergyHistory, PlanPast, PlanWhole, State, WeekState } from "./model";

/** What an error says, as application/json or application/problem+json. */
export interface Problem {
  reason?: string;
  expected?: string;
  came?: string;
  mend?: string;
}

/** The gateway refused, and said why; `wait_s` where time alone mends it. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly said: Problem,
    readonly wait_s: number,
  ) {
    super(said.expected === undefined ? `The gateway answered with status ${status}.` : sentence(said));
  }

  get reason(): string {
    return this.said.reason ?? "";
  }
}

let ended: () => void = () => undefined;

/** Hear that a request was refused for want of a login: the session may have ended. */
export function whenEnded(hear: () => void): void {
  ended = hear;
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

export async function ask<T>(path: string): Promise<T> {
  return read<T>(await fetch(path, { headers: { Accept: "application/json" } }));
}

/** Ask for a change, with what it takes; refusals are thrown. */
export async function send<T>(path: string, body: object = {}): Promise<T> {
  return read<T>(await post(path, body));
}

/** Send the owner's order; the answer is a sentence either way. */
export function order(name: string, body: object): Promise<Answer> {
  return orderAt(`/api/v1/commands/${name}`, body);
}

/** Ask for what answers as an order does. */
export async function orderAt(path: string, body: object): Promise<Answer> {
  try {
    const response = await post(path, body);
    if (response.status === 401) ended();
    const said = (await response.json()) as Partial<Answer> & Problem;
    if (said.outcome !== undefined) {
      return { outcome: said.outcome, text: said.text ?? "", refusal: said.refusal ?? null, detail: said.detail ?? null };
    }
    return { outcome: "refused", text: sentence(said), refusal: null };
  } catch {
    return { outcome: "refused", text: SILENT, refusal: null };
  }
}

export const SILENT = "The gateway does not answer.";

function post(path: string, body: object): Promise<Response> {
  const headers = { "Content-Type": "application/json", "X-Heg-Request": "1" };
  return fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
}

async function read<T>(response: Response): Promise<T> {
  if (response.ok) return (await response.json()) as T;
  const said = (await response.json().catch(() => ({}))) as Problem;
  const refused = new Refused(response.status, said, Number(response.headers.get("Retry-After") ?? 0));
  if (response.status === 401) ended();
  throw refused;
}

export function sentence(said: Problem): string {
  return [`Expected ${said.expected ?? "something else"}`, said.came && `came ${said.came}`, said.mend]
    .filter(Boolean)
    .join("; ");
}

export type Link = "connecting" | "live" | "lost";

const SILENCE_MS = 25_000;
/** How long a stream that was just good may take to come back before somebody is told. */
const QUIET_MS = 3000;
const LONGEST_PAUSE_MS = 10_000;

/** The live stream with a mind of its own: it comes back by itself, and sleeps while nobody looks. */
export class LiveStream {
  private source: EventSource | null = null;
  private pause_ms = 500;
  private timer = 0;
  private everLive = false;
  private stopped = false;
  private lively = false;

  constructor(
    private readonly onState: (state: State) => void,
    private readonly onLink: (link: Link) => void,
  ) {}

  start(): void {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.close() : this.open()));
    window.addEventListener("online", () => this.open());
    this.open();
  }

  /** Begin anew at once. */
  again(): void {
    this.stopped = false;
    this.pause_ms = 500;
    this.open();
  }

  /** Ended until somebody has logged in; `again` begins anew. */
  stop(): void {
    this.stopped = true;
    this.close();
  }

  private open(): void {
    this.close();
    if (document.hidden || this.stopped) return;
    if (!this.everLive) this.onLink("connecting");
    const limit_ms = this.lively ? QUIET_MS : SILENCE_MS;
    this.lively = false;
    const source = new EventSource("/api/v1/events");
    this.source = source;
    source.addEventListener("state", (event) => this.heard(JSON.parse(event.data as string) as State));
    source.addEventListener("beat", () => this.watch());
    source.addEventListener("error", () => this.lost());
    this.watch(limit_ms);
  }

  private heard(state: State): void {
    this.everLive = true;
    this.lively = true;
    this.pause_ms = 500;
    this.onLink("live");
    this.watch();
    this.onState(state);
  }

  private watch(limit_ms = SILENCE_MS): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => this.lost(), limit_ms);
  }

  private lost(): void {
    this.close();
    // A stream that was good ends when its session's key was exchanged: the next one is there at once, and nobody is told.
    if (this.lively && !this.stopped && !document.hidden) {
      this.open();
      return;
    }
    this.onLink("lost");
    this.timer = window.setTimeout(() => this.open(), this.pause_ms);
    this.pause_ms = Math.min(LONGEST_PAUSE_MS, this.pause_ms * 2);
  }

  private close(): void {
    window.clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }
}
