// Keeps plan and truth up to date with little asking: the past once, then a quarter at a time as the stream's time goes on,
// and the plan when the stream says that there is a new one.

import { plan as askPlan, planPast } from "./api";
import { byId, make, show, text } from "./dom";
import type { HouseClock } from "./format";
import type { State } from "./model";
import { floor, PlanSeries } from "./plan";
import { PlanChart } from "./plan_chart";
import * as words from "./words";

/** Real time between two questions of the same kind: at 60 times real time a quarter hour lasts 15 s. */
const LEAST_MS = 5000;
const REFRESH_MS = 60_000;

export class PlanView {
  private readonly series = new PlanSeries();
  private readonly chart: PlanChart;
  private revision: number | null = null;
  private quarter = 0;
  private pastAsked = -REFRESH_MS;
  private planAsked = -LEAST_MS;
  private asking = false;

  constructor(clock: HouseClock) {
    this.chart = new PlanChart(this.series, clock);
    byId("plan-regimes").append(
      ...words.REGIME_ORDER.map((regime) => {
        const { tone, sign } = words.look(regime);
        return make("li", "", make("b", `tone-${tone}`, sign), words.regimeName(regime));
      }),
    );
  }

  useClock(clock: HouseClock): void {
    this.chart.useClock(clock);
  }

  /** The connection was lost for a while, or the house's clock was set: what is known may not be so any more. */
  reload(): void {
    this.series.forgetPast();
    this.pastAsked = -REFRESH_MS;
    this.revision = null;
  }

  show(state: State): void {
    // Without a plan there is nothing that the minutes below do not show better.
    const wanted = state.plan !== null && !state.looking;
    show(byId("plan"), wanted);
    if (!wanted) return;
    const now_s = Date.parse(state.time.utc) / 1000;
    void this.follow(state, now_s);
  }

  private async follow(state: State, now_s: number): Promise<void> {
    if (this.asking || document.hidden) return;
    const real = performance.now();
    const newPlan = state.plan?.revision !== this.revision && real - this.planAsked > LEAST_MS;
    const due = floor(now_s) !== this.quarter ? LEAST_MS : REFRESH_MS;
    const newPast = real - this.pastAsked > due;
    if (!newPlan && !newPast) return;
    this.asking = true;
    try {
      if (now_s < this.quarter) this.series.forgetPast();
      if (newPlan) {
        this.planAsked = real;
        const told = await askPlan();
        this.series.setPlan(told);
        this.revision = told?.revision ?? null;
        this.draw(now_s);
      }
      if (newPast) {
        this.pastAsked = real;
        this.series.addPast(await planPast(new Date(this.series.missingFrom(now_s) * 1000)));
        this.quarter = floor(now_s);
        document.body.dataset.plan = "loaded";
      }
      show(byId("plan-note"), false);
    } catch (error) {
      text(byId("plan-note"), `Plan and past cannot be shown now. ${error instanceof Error ? error.message : ""}`);
      show(byId("plan-note"), true);
    } finally {
      this.asking = false;
    }
    this.draw(now_s);
  }

  private draw(now_s: number): void {
    this.series.arrange(now_s);
    this.chart.draw(now_s);
  }
}
