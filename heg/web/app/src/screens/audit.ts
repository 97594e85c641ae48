// The log of who did what: newest first, with the judgement of its chain.

import { ask } from "../api";
import type { Host } from "./index";
import { el, head, trouble, wide } from "./kit";
import { fill } from "./load";
import * as say from "./say";

interface Line {
  seq: number;
  time_utc: string;
  kind: string;
  who: string;
  address: string;
  outcome: string;
  detail: string;
  hash: string;
  seal: string;
}

export interface Verdict {
  good: boolean;
  lines: number;
  head: string;
  first_altered: number | null;
  why: string;
}

interface Lines {
  lines: Line[];
  next_cursor: number | null;
}

const PAGE = 50;

export function audit(host: Host): HTMLElement {
  const verdict = el("div", { "aria-live": "polite" });
  const list = el("ol", { class: "log", role: "list" });
  const older = el("button", { class: "button plain", type: "button", hidden: true }, "Older lines");
  const said = el("p", { class: "quiet", role: "status" });
  let oldest = 0;
  const page = async (before: number): Promise<void> => {
    // The log is asked from its beginning on: a page further back begins so many lines earlier.
    const after = Math.max(0, before - PAGE - 1);
    const { lines } = await ask<Lines>(`/api/v1/audit?cursor=${after}`);
    const shown = lines.filter((line) => line.seq < before).slice(-PAGE);
    list.append(...shown.reverse().map((line) => entry(host, line)));
    oldest = shown.at(-1)?.seq ?? 0;
    older.hidden = oldest <= 1 || shown.length < PAGE;
  };
  const verify = (): Promise<void> =>
    fill(host, verdict, () => ask<Verdict>("/api/v1/audit/verdict"), (found) => {
      list.replaceChildren();
      void page(lastOf(found) + 1).catch((error: unknown) => (said.textContent = trouble(error)));
      return judged(found);
    });
  older.addEventListener("click", () => void page(oldest).catch((error: unknown) => (said.textContent = trouble(error))));
  void verify();
  return el(
    "div",
    { class: "cards" },
    head("Log", "Logins, refusals, orders, changes of people and settings, and every change of the connection's limits."),
    wide(
      "Is it what was written?",
      verdict,
      el(
        "div",
        { class: "row" },
        el("button", { class: "button plain", type: "button", click: () => void verify() }, "Verify again"),
        el("a", { class: "button plain", href: "/api/v1/audit/export", download: "audit.jsonl" }, "Download all"),
      ),
      said,
    ),
    wide("Newest first", list, el("p", {}, older)),
  );
}

/** The number of the chain's newest line. */
function lastOf(verdict: Verdict): number {
  return Number(verdict.head.split(":")[0] ?? 0);
}

export function sentence(verdict: Verdict): string {
  if (verdict.good) return `Good: ${say.many(verdict.lines, "line")}, each as it was written.`;
  const where = verdict.first_altered === null ? "" : ` The first that is not what was written is line ${verdict.first_altered}.`;
  return `The log was altered.${where}${verdict.why ? ` ${say.capital(verdict.why)}.` : ""}`;
}

function judged(verdict: Verdict): HTMLElement[] {
  return [
    el("p", { class: verdict.good ? "verdict good" : "verdict warn" }, sentence(verdict)),
    el("p", { class: "quiet small" }, "Its head, to be noted elsewhere (", el("code", {}, "heg audit verify --head"), "): ", el("code", { class: "breaks" }, verdict.head)),
  ];
}

function entry(host: Host, line: Line): HTMLElement {
  const time = new Date(line.time_utc);
  const bad = line.kind === "refusal" || line.outcome.startsWith("refused");
  const outcome = line.outcome === "done" || line.outcome === "noted" ? "" : line.outcome.replaceAll("_", " ");
  return el(
    "li",
    {},
    el("time", { datetime: line.time_utc, class: "quiet" }, `${host.clock().day(time)}, ${host.clock().time(time)}`),
    el("span", { class: `chip ${bad ? "warn" : ""}` }, say.KINDS[line.kind] ?? line.kind),
    el("span", { class: "log-what" }, el("strong", {}, line.who || "the gateway"), " ", el("span", {}, [outcome, line.detail].filter(Boolean).join(": "))),
    el("span", { class: "quiet small" }, [`line ${line.seq}`, line.address].filter(Boolean).join(" · ")),
  );
}
