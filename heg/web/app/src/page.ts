// The live page: one picture of the house, drawn at most once per animation frame.

import { ActuatorsView, sentence } from "./actuators";
import type { AppliancesView } from "./appliances/index";
import { energy, type Link, LiveStream, order } from "./api";
import { PastChart } from "./chart";
import { CarsView } from "./car";
import { DevicesView } from "./devices";
import { bundle, byId, show, text } from "./dom";
import { FlowView } from "./flow";
import { HouseClock, kw, kwh, number, percent } from "./format";
import { History, SPAN_S } from "./history";
import type { State } from "./model";
import { PlanView } from "./plan_view";
import { AlarmsView, showEnvelope } from "./panels";
import { showSavings } from "./savings";
import { WeekView } from "./week";
import { WhyView } from "./why";
import * as words from "./words";

const CHART_MS = 500;
const RELOAD_PAST_MS = 10 * 60_000;
const FIRST_MS = 3 * 3600_000;
const ANNOUNCE_MS = 30_000;

export class Page {
  private readonly flow = new FlowView();
  private readonly actuators = new ActuatorsView();
  private readonly devices = new DevicesView();
  private readonly alarms = new AlarmsView();
  private readonly history = new History();
  private clock = new HouseClock("");
  private readonly chart = new PastChart(this.history, this.clock);
  private readonly plan = new PlanView(this.clock);
  private readonly week = new WeekView(this.clock);
  private readonly why = new WhyView();
  private readonly cars = new CarsView();
  private appliances: Promise<AppliancesView> | null = null;
  private state: State | null = null;
  private link: Link = "connecting";
  private frame = 0;
  private chartDrawn = 0;
  private announced = -ANNOUNCE_MS;
  private version = "";
  private looked = true;
  private stopped = false;
  private readonly stream = new LiveStream(
    (state) => this.heard(state),
    (link) => this.linked(link),
  );

  /** `onLost` hears of every try at the live stream that failed. */
  constructor(private readonly onLost: () => void) {}

  start(): void {
    this.stream.start();
    window.setInterval(() => this.stopped || void this.loadPast(), RELOAD_PAST_MS);
    byId("hands-off").addEventListener("click", () => void this.toggleHandsOff());
    for (const id of ["look-again", "look-again-first"]) {
      byId(id).addEventListener("click", () => void this.scan(byId<HTMLButtonElement>(id)));
    }
  }

  /** Another screen is looked at: what is drawn for all of them goes on. */
  look(at: boolean): void {
    this.looked = at;
    if (at && this.state !== null) this.draw();
  }

  /** A new session began: the stream of the one before ends with it. */
  again(): void {
    this.stream.again();
    if (this.stopped) this.reload();
    this.stopped = false;
  }

  /** Nobody may look: nothing is asked until `again`. */
  stop(): void {
    this.stopped = true;
    this.stream.stop();
  }

  zoned(): HouseClock {
    return this.clock;
  }

  private heard(state: State): void {
    // A gateway that was updated brings a page of its own.
    if (this.version && this.version !== state.version) window.location.reload();
    this.version = state.version;
    const first = this.state === null;
    const now = new Date(state.time.utc);
    this.state = state;
    this.history.add(state);
    if (first) void this.loadFirst(now);
    if (this.frame === 0) this.frame = window.requestAnimationFrame(() => this.draw());
  }

  private linked(link: Link): void {
    if (link === "lost") this.onLost();
    if (link === this.link) return;
    const back = this.link === "lost" && link === "live";
    this.link = link;
    byId("link").className = `link ${link}`;
    text(byId("link-text"), { connecting: "Connecting", live: "Live", lost: "Connection lost" }[link]);
    document.body.classList.toggle("lost", link === "lost");
    const seen = this.state ? ` What you see is from ${this.clock.time(new Date(this.state.time.utc))}, house time.` : "";
    text(byId("banner-lost"), `The connection to the gateway is lost.${seen} The page comes back by itself.`);
    show(byId("banner-lost"), link === "lost");
    if (back) this.reload();
  }

  /** What was missed meanwhile. */
  private reload(): void {
    void this.loadPast();
    this.plan.reload();
    this.week.reload();
  }

  /** The last hours are there at once; two days take the gateway a while. */
  private async loadFirst(now: Date): Promise<void> {
    await this.loadPast(new Date(now.getTime() - FIRST_MS));
    await this.loadPast();
    document.body.dataset.past = "loaded";
  }

  private async loadPast(from?: Date): Promise<void> {
    try {
      this.history.load(await energy(from));
      show(byId("chart-note"), false);
      this.drawPast();
    } catch (error) {
      text(byId("chart-note"), `The past cannot be shown now. ${error instanceof Error ? error.message : ""}`);
      show(byId("chart-note"), true);
    }
  }

  private draw(): void {
    this.frame = 0;
    const state = this.state;
    if (state === null) return;
    document.body.classList.remove("waiting");
    this.drawTop(state);
    if (!this.looked) return;
    document.title = `${kw(state.power.house_kw.value)} · ${words.capital(state.unit)}`;
    show(byId("looking"), state.looking);
    for (const id of ["now", "doing", "why", "savings", "past"]) show(byId(id), !state.looking);
    const headline = words.headline(state.power);
    text(byId("headline"), headline);
    this.announce(headline, state);
    this.flow.show(state.power, state.storages);
    this.actuators.show(state.actuators, state.storages);
    this.devices.show(state.devices);
    this.alarms.show(state.alarms, this.clock);
    this.why.show(state, this.clock);
    this.plan.show(state);
    this.week.show(state);
    showSavings(state.savings);
    this.cars.show(state, this.clock);
    void this.drawAppliances(state);
    showEnvelope(state.envelope, state.power.grid_kw);
    if (performance.now() - this.chartDrawn > CHART_MS) this.drawPast();
  }

  /** A house without appliances loads nothing of them. */
  private async drawAppliances({ appliances, looking }: State): Promise<void> {
    show(byId("appliances"), appliances != null && !looking);
    if (appliances == null) return;
    this.appliances ??= bundle<typeof import("./appliances/index")>("/appliances").then((found) => new found.AppliancesView(this.clock));
    try {
      (await this.appliances).show(appliances, this.clock);
    } catch {
      this.appliances = null; // asked again with the next picture; the connection banner says why it failed
    }
  }

  private drawTop(state: State): void {
    if (state.time.zone !== this.clock.asked) {
      this.clock = new HouseClock(state.time.zone);
      this.chart.useClock(this.clock);
      this.plan.useClock(this.clock);
      this.week.useClock(this.clock);
    }
    const now = new Date(state.time.utc);
    text(byId("house-time"), this.clock.time(now));
    byId<HTMLTimeElement>("house-time").dateTime = state.time.utc;
    text(byId("house-day"), this.clock.day(now));
    const speed = state.time.speed;
    show(byId("speed"), speed !== null && speed !== 1);
    if (speed !== null) text(byId("speed"), `${number(speed)}× speed`);
    text(byId("unit"), words.capital(state.unit));
    byId("hands-off").setAttribute("aria-checked", String(state.hands_off));
    show(byId("banner-hands-off"), state.hands_off);
    show(byId("banner-health"), !state.healthy && !state.looking);
    text(byId("banner-health"), `The gateway is not well: ${state.unwell.join("; ")}.`);
    text(byId("version"), ` ${state.version}`);
  }

  private drawPast(): void {
    this.chartDrawn = performance.now();
    this.chart.draw();
    text(byId("past-title"), this.pastTitle());
    const sums = this.history.today(this.clock);
    const place = byId("today");
    const put = (name: string, value: string) => {
      const found = place.querySelector(`[data-part="${name}"]`);
      if (found) text(found, value);
    };
    const some = sums.known > 0;
    put("produced", kwh(some ? sums.produced : null));
    put("used", kwh(some ? sums.used : null));
    put("bought", kwh(some ? sums.bought : null));
    put("sold", kwh(some ? sums.sold : null));
    put("own", percent(some && sums.used > 0.01 ? Math.max(0, 1 - sums.bought / sums.used) : null));
  }

  private pastTitle(): string {
    const known = this.history.knownSince();
    if (known === null || this.history.now() - known > SPAN_S - 3600) return "Last 48 hours";
    const since = new Date(known * 1000);
    return `Since ${this.clock.time(since)}, ${this.clock.day(since)}`;
  }

  /** Screen readers hear how the house is now and then, not four times a second. */
  private announce(headline: string, state: State): void {
    if (performance.now() - this.announced < ANNOUNCE_MS) return;
    this.announced = performance.now();
    text(byId("announce"), `${headline}. House ${kw(state.power.house_kw.value)}, grid ${kw(state.power.grid_kw.value)}.`);
  }

  private async toggleHandsOff(): Promise<void> {
    const button = byId<HTMLButtonElement>("hands-off");
    button.disabled = true;
    const answer = await order("hands-off", { on: !(this.state?.hands_off ?? false) });
    button.disabled = false;
    if (answer.outcome !== "done") this.say(sentence(answer));
  }

  private async scan(button: HTMLButtonElement): Promise<void> {
    button.disabled = true;
    this.say("Looking for devices …");
    this.say(sentence(await order("scan", {})));
    button.disabled = false;
  }

  private say(words: string): void {
    const banner = byId("banner-answer");
    text(banner, words);
    show(banner, true);
    window.setTimeout(() => banner.textContent === words && show(banner, false), 12_000);
  }
}
