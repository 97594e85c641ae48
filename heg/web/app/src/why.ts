// The reason of the present decision: a sentence, the figures behind it, and what the plan had to do without.

import { byId, fromTemplate, KeyedList, show, text } from "./dom";
import { duration, type HouseClock, price } from "./format";
import type { Lack, PlanNow, State } from "./model";
import { OthersView } from "./others";
import * as words from "./plan_words";

interface Item {
  root: HTMLElement;
  part: <E extends Element = HTMLElement>(name: string) => E;
}

export class WhyView {
  private readonly lacks = new KeyedList<Lack, Item>(
    byId("lacks"),
    (lack) => `${lack.code} ${lack.text}`,
    () => fromTemplate("lack-template"),
    (item, lack) => {
      text(item.part("text"), lack.text);
      text(item.part("mend"), lack.mend);
    },
  );

  private readonly others = new OthersView();

  show(state: State, clock: HouseClock): void {
    const { plan } = state;
    this.lacks.show(plan?.lacks ?? []);
    show(byId("why-facts"), plan !== null);
    show(byId("why-state"), plan !== null);
    const overruled = plan === null ? "" : words.overruled(state);
    text(byId("why-also"), overruled);
    show(byId("why-also"), overruled !== "");
    if (plan === null) {
      text(byId("why-text"), state.planning ? "The first plan is being made." : "No plan is made here.");
      text(byId("why-help"), state.planning ? WAITING : SWITCHED_OFF);
      show(byId("why-help"), true);
      return;
    }
    show(byId("why-help"), false);
    this.others.show(plan);
    this.showPlan(plan, clock, new Date(state.time.utc));
  }

  private showPlan(plan: PlanNow, clock: HouseClock, now: Date): void {
    const status = words.status(plan);
    text(byId("why-state"), status.text);
    byId("why-state").className = `chip ${status.tone}`;
    const { storage } = plan;
    // Where prices are only assumed, no figure made of them is shown as if it were one.
    const priced = !plan.lacks.some((lack) => lack.code === "prices_missing");
    const money = (value: number | null) => (priced ? price(value) : "not known");
    text(byId("why-text"), storage ? words.reason(plan, storage, clock, now, priced) : "There is no battery to plan for; prices and forecast are shown.");
    const at = (value: number, utc: string) => (priced ? `${price(value)} ${Date.parse(utc) <= now.getTime() ? "now" : `at ${clock.near(new Date(utc), now)}`}` : "not known");
    put("price", money(plan.prices.import_now));
    put("sold", money(plan.prices.export_now));
    put("low", at(plan.prices.low, plan.prices.low_utc));
    put("high", at(plan.prices.high, plan.prices.high_utc));
    put("worth", storage ? money(storage.worth) : "–");
    put("limit", storage ? words.limit(storage) : "none");
    put("expected", words.expected(plan));
    text(byId("why-hours"), `Expected in ${plan.expected.hours || 6} h`);
    put("next", storage ? words.nextChange(storage, clock, now) : "–");
    const until = clock.near(new Date(plan.ends_utc), now);
    text(byId("why-made"), `Planned ${plan.age_s < 2 ? "now" : `${duration(plan.age_s)} ago`} in steps of ${plan.slot_minutes} min, until ${until}.`);
  }
}

function put(name: string, value: string): void {
  const place = byId("why-facts").querySelector(`[data-part="${name}"]`);
  if (place) text(place, value);
}

const WAITING = "It needs the grid meter and the battery to answer once. Until then the battery follows self-consumption.";
const SWITCHED_OFF =
  "The battery follows self-consumption. To have it planned by price and forecast, set enabled = true under [planning] in the configuration and name a price feed.";
