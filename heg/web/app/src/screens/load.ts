// A part of a screen that is asked of the gateway: waiting, shown, or told why not and how to try again.

import { fresh } from "./again";
import type { Host } from "./index";
import { el, trouble } from "./kit";

/** Fills `place` with what `read` brings; asks for the password first where it is needed. */
export async function fill<T>(host: Host, place: HTMLElement, read: () => Promise<T>, show: (found: T) => HTMLElement[]): Promise<void> {
  if (place.childElementCount === 0) place.replaceChildren(el("p", { class: "quiet" }, "One moment …"));
  try {
    place.replaceChildren(...show(await fresh(host, read)));
  } catch (error) {
    const again = el("button", { class: "button plain", type: "button", click: () => void fill(host, place, read, show) }, "Try again");
    place.replaceChildren(el("p", { class: "fault", role: "alert" }, trouble(error)), el("p", {}, again));
  }
}
