// The settings: one file, edited as a text; checked, told what it would do, put into force, and taken back.

import { ask, Refused, send } from "../api";
import { text } from "../dom";
import type { Host } from "./index";
import { el, field, head, sure, textInput, trouble, wide } from "./kit";
import { fill } from "./load";
import * as say from "./say";
import { lineOf, spanOf } from "./toml";

interface Version {
  version: number;
  since_utc: string;
  how: string;
  who: string;
  why: string;
  changes: string[];
}

interface Proposal {
  toml: string;
  digest: string;
  who: string;
  why: string;
}

interface Configured {
  configuration: (Version & { toml: string }) | null;
  proposal: Proposal | null;
}

interface Fault {
  where: string;
  came: string;
  expected: string;
}

type Effects = Record<"restarts" | "begins" | "ends" | "in_place" | "renames" | "at_next_start", string[]>;

export interface Verdict {
  outcome: string;
  text: string;
  version: number | null;
  digest: string;
  faults: Fault[];
  changes: string[];
  effects: Effects | null;
  refusal: string | null;
}

const PATH = "/api/v1/configuration";

/** What was typed and not put into force stays here while other screens are looked at. */
let kept: { base: number; toml: string } | null = null;

export function configuration(host: Host): HTMLElement {
  const place = el("div", { class: "cards whole" });
  const history = el("div", { class: "rows" });
  const said = el("p", { class: "said", role: "status" });
  const load: Load = async (told = "", wrong = false) => {
    text(said, "");
    void fill(host, history, () => ask<{ versions: Version[] }>(`${PATH}/versions`), ({ versions }) => versions.map((one, index) => row(host, one, index === 0, load)));
    await fill(host, place, () => ask<Configured>(PATH), (found) => shown(host, found, load));
    // Only now: whoever reads it and presses Check at once presses the one that stays.
    text(said, told);
    said.className = wrong ? "fault" : "said";
  };
  void load();
  return el(
    "div",
    { class: "cards" },
    head("Settings", "One file says what this gateway does. It is checked before anything changes, and what it does not touch goes on."),
    said,
    place,
    el("div", { class: "cards whole" }, wide("Versions", history)),
  );
}

type Load = (told?: string, wrong?: boolean) => Promise<void>;

function shown(host: Host, { configuration: now, proposal }: Configured, load: Load): HTMLElement[] {
  if (now === null) return [wide("The file", el("p", {}, "No configuration is in force yet. It appears here when the gateway has started."))];
  if (kept !== null && kept.toml === now.toml) kept = null;
  const pieces = [editor(host, now, kept?.toml ?? now.toml, kept?.base ?? now.version, load)];
  if (proposal !== null) pieces.unshift(proposed(now, proposal, load));
  return pieces;
}

function editor(host: Host, now: Version & { toml: string }, toml: string, base: number, load: Load): HTMLElement {
  const area = el("textarea", { name: "toml", rows: Math.min(34, Math.max(12, toml.split("\n").length + 1)), spellcheck: "false", autocapitalize: "none", autocomplete: "off", wrap: "off", class: "toml" });
  area.value = toml;
  const input = field("heg.toml", area, about(host, now, base));
  const verdict = el("div", { class: "verdict-box", "aria-live": "polite" });
  const check = el("button", { class: "button", type: "submit" }, "Check");
  const back = el("button", { class: "button plain", type: "button", hidden: toml === now.toml }, "Discard");
  const fault = el("p", { class: "fault", role: "alert" });
  const form = el("form", { novalidate: true }, input.root, el("div", { class: "row" }, check, back), fault, verdict);
  area.addEventListener("input", () => {
    kept = area.value === now.toml ? null : { base, toml: area.value };
    back.hidden = kept === null;
    verdict.replaceChildren(); // what was said was said of another text
  });
  back.addEventListener("click", () => {
    kept = null;
    void load();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void busy(check, fault, async () => {
      const sent = area.value;
      const judged = await send<Verdict>(`${PATH}/validate`, { toml: sent });
      verdict.replaceChildren(...told(judged, area), ...(judged.outcome === "refused" || judged.changes.length === 0 ? [] : [force(sent, base, load, fault, area)]));
    });
  });
  return wide("The file", form);
}

function about(host: Host, now: Version, base: number): string {
  const since = new Date(now.since_utc);
  const made = `Version ${now.version}, in force since ${host.clock().day(since)}, ${host.clock().time(since)}${now.who ? `, by ${now.who}` : ""}.`;
  return base === now.version && kept === null ? made : `${made} What you see is yours${base === now.version ? "" : `, begun from version ${base}`}, and not in force.`;
}

/** What a text is worth: its faults at their keys, or what changes and what restarts. */
function told(verdict: Verdict, area: HTMLTextAreaElement | null): HTMLElement[] {
  if (verdict.faults.length > 0) {
    return [
      el("p", { class: "verdict warn" }, `${say.many(verdict.faults.length, "fault")}; nothing was changed.`),
      el("ul", { class: "faults", role: "list" }, ...inOrder(verdict.faults, area).map((one) => faultLine(one, area))),
    ];
  }
  if (verdict.outcome === "refused") return [el("p", { class: "verdict warn" }, verdict.refusal ?? verdict.text)];
  if (verdict.changes.length === 0) return [el("p", { class: "verdict good" }, "It is good, and says what is in force already.")];
  return [
    el("p", { class: "verdict good" }, "It is good."),
    el("h4", {}, say.many(verdict.changes.length, "change")),
    el("ul", { class: "bullets breaks" }, ...verdict.changes.map((one) => el("li", {}, one))),
    el("h4", {}, "What happens"),
    el("ul", { class: "bullets" }, ...effects(verdict.effects).map((one) => el("li", {}, one))),
  ];
}

function inOrder(faults: Fault[], area: HTMLTextAreaElement | null): Fault[] {
  const at = (one: Fault): number => (area === null ? null : lineOf(area.value, one.where)) ?? -1;
  return [...faults].sort((a, b) => at(a) - at(b));
}

function faultLine(fault: Fault, area: HTMLTextAreaElement | null): HTMLElement {
  const line = area === null ? null : lineOf(area.value, fault.where);
  const go = (): void => {
    if (area === null || line === null) return;
    const [start, end] = spanOf(area.value, line);
    area.focus();
    area.setSelectionRange(start, end);
    area.scrollTop = (area.scrollHeight / area.value.split("\n").length) * Math.max(0, line - 4);
  };
  const where = line === null ? fault.where : `Line ${line + 1}, ${fault.where}`;
  return el(
    "li",
    {},
    line === null ? el("strong", {}, where) : el("button", { class: "link-button", type: "button", click: go }, where),
    el("span", {}, `${fault.came ? `Says ${fault.came}; expected` : "Expected"} ${fault.expected}.`),
  );
}

/** What a change does to the running house, in sentences. */
export function effects(found: Effects | null): string[] {
  if (found === null) return ["Nothing restarts."];
  const names = (list: string[]): string => list.map((one) => (one === "web" ? "this page (it comes back by itself)" : one.replace(/^driver\.(.*)$/, "the driver of $1 devices"))).join(", ");
  const lines = [
    found.restarts.length > 0 && `Restarts: ${names(found.restarts)}. Devices of it are given back first.`,
    found.begins.length > 0 && `Begins: ${names(found.begins)}.`,
    found.ends.length > 0 && `Ends: ${names(found.ends)}.`,
    found.in_place.length > 0 && `Changes while it runs: ${names(found.in_place)}.`,
    found.renames.length > 0 && `Has another name, and keeps its history: ${names(found.renames)}.`,
    found.at_next_start.length > 0 && `Waits for the gateway's next start: ${names(found.at_next_start)}.`,
  ].filter((line): line is string => line !== false);
  return lines.length > 0 ? lines : ["Nothing restarts."];
}

function force(toml: string, base: number, load: Load, fault: HTMLElement, area: HTMLTextAreaElement): HTMLElement {
  const why = field("Why", textInput("message", { maxlength: 400, autocomplete: "off", autocapitalize: "sentences" }), "For whoever reads the versions later; may stay empty.");
  const apply = el("button", { class: "button", type: "submit" }, "Put into force");
  const propose = el("button", { class: "button plain", type: "button" }, "Only propose it");
  const message = (): string => why.input.value.trim();
  const made = el("div", { class: "force" }, why.root, el("div", { class: "row" }, apply, propose));
  // Within the form that checks: Enter checks again, only its own button puts into force.
  apply.type = "button";
  apply.addEventListener("click", () => void busy(apply, fault, async () => {
    try {
      const said = await send<Verdict>(`${PATH}/apply`, { toml, base, message: message() });
      kept = null;
      await load(said.text);
    } catch (error) {
      const refused = refusedVerdict(error);
      if (refused === null || refused.version === null || refused.version === base) throw error;
      // Somebody was faster. What was typed stays; checked again, it is compared with what is in force now.
      kept = { base: refused.version, toml };
      const what = refused.changes.length > 0 ? `: ${refused.changes.join("; ")}` : "";
      await load(`Version ${refused.version} came into force meanwhile${what}. What you see is yours; Check shows how it differs from that.`, true);
    }
  }, area));
  propose.addEventListener("click", () => void busy(propose, fault, async () => {
    await send<Verdict>(`${PATH}/propose`, { toml, message: message() });
    kept = null;
    await load("It is proposed. Whoever may change the settings finds it here.");
  }, area));
  return made;
}

function proposed(now: Version, proposal: Proposal, load: Load): HTMLElement {
  const fault = el("p", { class: "fault", role: "alert" });
  const place = el("div", { "aria-live": "polite" });
  const look = el("button", { class: "button plain", type: "button" }, "What it would do");
  const apply = el("button", { class: "button", type: "button" }, "Put into force");
  const take = el("button", { class: "button plain", type: "button" }, "Edit it");
  look.addEventListener("click", () => void busy(look, fault, async () => place.replaceChildren(...told(await send<Verdict>(`${PATH}/validate`, { toml: proposal.toml }), null))));
  apply.addEventListener("click", () => void busy(apply, fault, async () => {
    const said = await send<Verdict>(`${PATH}/apply`, { digest: proposal.digest, base: now.version, message: proposal.why });
    await load(said.text);
  }));
  take.addEventListener("click", () => {
    kept = { base: now.version, toml: proposal.toml };
    void load();
  });
  return wide("A proposal", el("p", {}, `${proposal.who || "Somebody"} proposes a change${proposal.why ? `: ${proposal.why}` : "."}`), place, el("div", { class: "row" }, apply, look, take), fault);
}

function row(host: Host, one: Version, newest: boolean, load: Load): HTMLElement {
  const since = new Date(one.since_utc);
  const title = `Version ${one.version}`;
  const root = el(
    "details",
    { class: "row-item" },
    el(
      "summary",
      {},
      el("span", { class: "row-name" }, el("strong", {}, title), el("span", { class: "quiet" }, `${host.clock().day(since)}, ${host.clock().time(since)}`)),
      el("span", { class: "quiet row-about" }, [one.how, one.who && `by ${one.who}`, one.why].filter(Boolean).join(", ")),
      newest ? el("span", { class: "chip good" }, "In force") : el("span", { class: "chip" }, one.changes.length === 0 ? "Begun" : say.many(one.changes.length, "change")),
    ),
  );
  root.addEventListener("toggle", () => root.childElementCount === 1 && root.append(version(host, one, newest, load)));
  return root;
}

function version(host: Host, one: Version, newest: boolean, load: Load): HTMLElement {
  const fault = el("p", { class: "fault", role: "alert" });
  const place = el("div", {});
  if (one.version > 1) void fill(host, place, () => ask<{ lines: string[] }>(`${PATH}/diff?to=${one.version}`), ({ lines }) => [diff(lines)]);
  else place.append(el("p", { class: "quiet" }, "The first one."));
  const back = el("button", { class: "button plain", type: "button" }, newest ? "Take it back" : "Go back to this");
  back.addEventListener("click", () => void busy(back, fault, async () => {
    const to = newest ? one.version - 1 : one.version;
    if (!(await sure(`Go back to version ${to}?`, "It is put into force as a new version; nothing is lost.", "Go back"))) return;
    const said = await send<Verdict>(`${PATH}/rollback`, { version: to });
    kept = null;
    await load(said.text);
  }));
  return el("div", { class: "row-body" }, place, newest && one.version === 1 ? null : el("div", { class: "row" }, back), fault);
}

function diff(lines: string[]): HTMLElement {
  const tone = (line: string): string => (line.startsWith("+") ? "added" : line.startsWith("-") ? "taken" : line.startsWith("@@") ? "quiet" : "");
  const body = lines.slice(2).flatMap((line) => [el("span", { class: tone(line) }, line), "\n"]);
  return el("pre", { class: "diff", tabindex: "0", "aria-label": "What differs from the version before" }, ...(body.length > 0 ? body : ["Nothing differs."]));
}

/** One thing at a time, with what went wrong said beside it. */
async function busy(button: HTMLButtonElement, fault: HTMLElement, work: () => Promise<void>, area: HTMLTextAreaElement | null = null): Promise<void> {
  button.disabled = true;
  text(fault, "");
  try {
    await work();
  } catch (error) {
    const verdict = refusedVerdict(error);
    if (verdict !== null) {
      text(fault, `${say.capital(verdict.refusal ?? verdict.text)}.`.replace("..", "."));
      const box = fault.parentElement?.querySelector(".verdict-box");
      if (verdict.faults.length > 0) box?.replaceChildren(...told(verdict, area));
    } else {
      text(fault, trouble(error));
    }
  } finally {
    button.disabled = false;
  }
}

/** The verdict that a refusal brings, where it brings one. */
function refusedVerdict(error: unknown): Verdict | null {
  return error instanceof Refused && "outcome" in error.said ? (error.said as unknown as Verdict) : null;
}
