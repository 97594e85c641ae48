// What every other way in the running slot would cost: asked for by a person, forgotten with the plan it was told of.

import { sentence } from "./actuators";
import { order } from "./api";
import { byId, make } from "./dom";
import type { Alternative, PlanNow } from "./model";

const NAMES: Record<Alternative["storage"], string> = { ess: "Battery", pev: "Car" };

export class OthersView {
  private revision: number | null = null;

  constructor() {
    const ask = byId<HTMLButtonElement>("others-ask");
    ask.addEventListener("click", () => {
      ask.disabled = true;
      void this.ask().finally(() => {
        ask.disabled = false;
      });
    });
  }

  show(plan: PlanNow): void {
    if (plan.revision === this.revision) return;
    this.revision = plan.revision;
    byId("others").replaceChildren();
  }

  private async ask(): Promise<void> {
    const asked = this.revision;
    const answer = await order("otherwise", {});
    if (asked !== this.revision) return;
    const others = answer.detail?.alternatives ?? [];
    const told = others.length > 0 ? list(others) : make("p", "quiet", answer.outcome === "done" ? answer.text : sentence(answer));
    byId("others").replaceChildren(told);
  }
}

function list(others: Alternative[]): HTMLElement {
  const cars = others.some((one) => one.storage === "pev");
  const several = cars && others.some((one) => one.storage === "ess");
  return make("ul", "others", ...others.map((one) => make("li", "", several ? `${NAMES[one.storage]}: ${one.text}` : one.text)));
}
