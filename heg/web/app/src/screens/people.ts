// People: invited with a role and an end, changed, given a new password, removed.

import { ask, send } from "../api";
import { text } from "../dom";
import { fresh } from "./again";
import type { Host } from "./index";
import { card, el, type Field, field, form, once, sure, textInput, trouble } from "./kit";
import { fill } from "./load";
import * as say from "./say";

export interface Person {
  id: number;
  name: string;
  role: string;
  enabled: boolean;
  password: boolean;
  created_utc: string;
  until_utc: string | null;
  sessions: number;
}

interface Invited {
  account: Person;
  code: string;
}

const DAY_MS = 86_400_000;

export function people(host: Host): HTMLElement[] {
  const list = el("div", { class: "rows" });
  const codes = el("div", { "aria-live": "polite" });
  const load = (): Promise<void> => fill(host, list, () => ask<{ accounts: Person[] }>("/api/v1/accounts"), ({ accounts }) => accounts.map((one) => row(host, one, told)));
  /** Something changed: the list anew, and a code where one was made. */
  const told = (invited?: Invited): void => {
    codes.replaceChildren(...(invited ? [codeFor(invited)] : []));
    codes.querySelector<HTMLElement>(".once-value")?.focus();
    void load();
  };
  void load();
  return [card("People", codes, list), card("Invite somebody", invite(host, told))];
}

function codeFor({ account, code }: Invited): HTMLElement {
  return once(`One-time code for ${account.name}`, code, `Shown this once, good for three days. Tell it to ${account.name} on a way of your own: they open this page, choose "I have a one-time code" and set a password.`);
}

export function state(person: Person, now: Date): { words: string; tone: string } {
  if (!person.enabled) return { words: "Not let in", tone: "warn" };
  if (person.until_utc !== null && new Date(person.until_utc) <= now) return { words: "Ended", tone: "warn" };
  if (!person.password) return { words: "Has not come yet", tone: "wait" };
  return person.sessions > 0 ? { words: `Logged in${person.sessions > 1 ? ` ${person.sessions}×` : ""}`, tone: "good" } : { words: "Logged out", tone: "" };
}

function row(host: Host, person: Person, told: (invited?: Invited) => void): HTMLElement {
  const { words, tone } = state(person, new Date());
  const mine = person.name === host.session()?.name;
  const ends = person.until_utc === null ? "" : `until ${host.clock().day(new Date(person.until_utc))}, ${host.clock().time(new Date(person.until_utc))}`;
  const root = el(
    "details",
    { class: "row-item" },
    el(
      "summary",
      {},
      el("span", { class: "row-name" }, el("strong", {}, mine ? `${person.name} (you)` : person.name)),
      el("span", { class: "quiet row-about" }, [say.ROLES[person.role]?.name ?? person.role, ends].filter(Boolean).join(", ")),
      el("span", { class: `chip ${tone}` }, words),
    ),
  );
  // Made when it is looked at: most are never opened.
  root.addEventListener("toggle", () => root.childElementCount === 1 && root.append(mine ? own() : change(host, person, told)));
  return root;
}

function own(): HTMLElement {
  return el("p", { class: "quiet row-body" }, "Your own role is changed by another owner. Your password and your sessions are under ", el("a", { href: "#/you" }, "You"), ".");
}

function change(host: Host, person: Person, told: (invited?: Invited) => void): HTMLElement {
  const role = roles(person.role);
  const days = daysField("Ends in days", left(person));
  const enabled = el("input", { type: "checkbox", checked: person.enabled });
  const path = `/api/v1/accounts/${person.id}`;
  const made = form({
    submit: "Change",
    children: [role.root, days.root, el("label", { class: "check" }, enabled, el("span", {}, "May log in")), el("p", { class: "quiet small" }, "A change ends their sessions: they log in again, with what they may do then.")],
    about: { out_of_range: days },
    send: async () => {
      await fresh(host, () => send(path, { role: role.input.value, enabled: enabled.checked, days: asked(days) }));
      told();
    },
    beside: [
      el("button", { class: "button plain", type: "button", click: () => void act(reset) }, "New password"),
      el("button", { class: "button plain warn", type: "button", click: () => void act(remove) }, "Remove"),
    ],
  });
  const act = async (work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      made.tell(trouble(error), true);
    }
  };
  const reset = async (): Promise<void> => {
    if (!(await sure(`A new password for ${person.name}?`, "Their old password and their sessions end now. You get a one-time code for them, good for three days.", "Make a code"))) return;
    const invited = await fresh(host, () => send<Invited>(`${path}/reset`));
    told(invited);
  };
  const remove = async (): Promise<void> => {
    if (!(await sure(`Remove ${person.name}?`, "Their sessions and their keys for programs end now. The log keeps what they did.", "Remove"))) return;
    await fresh(host, () => send(`${path}/remove`));
    told();
  };
  return el("div", { class: "row-body" }, made.root);
}

function invite(host: Host, told: (invited?: Invited) => void): HTMLElement {
  const name = field("Name", textInput("invited", { maxlength: 32, autocomplete: "off" }), "Letters, digits, dots and dashes, such as berta.");
  const role = roles("user");
  const days = daysField("Ends in days", "");
  const made = form({
    submit: "Invite",
    children: [name.root, role.root, days.root],
    about: { bad_name: name, name_taken: name, out_of_range: days },
    send: async () => {
      const body = { name: name.input.value.trim().toLowerCase(), role: role.input.value, days: asked(days) };
      const invited = await fresh(host, () => send<Invited>("/api/v1/accounts", body));
      made.root.reset();
      told(invited);
    },
  });
  return made.root;
}

function roles(chosen: string): Field {
  const input = el("select", { name: "role" }, ...Object.entries(say.ROLES).map(([role, { name }]) => el("option", { value: role, selected: role === chosen }, name)));
  const made = field("Role", input, say.ROLES[chosen]?.about ?? " ");
  const about = made.root.querySelector(".small");
  input.addEventListener("change", () => about && text(about, say.ROLES[input.value]?.about ?? ""));
  return made;
}

function daysField(label: string, value: string): Field {
  return field(label, el("input", { type: "number", name: "days", min: 1, max: 3660, step: "any", inputmode: "numeric", value }), "Empty: until you end it. 7 is usual for an installer.");
}

function asked(days: Field): number | null {
  const words = days.input.value.trim();
  return words === "" ? null : Number(words);
}

function left(person: Person): string {
  if (person.until_utc === null) return "";
  return String(Math.max(1, Math.ceil((new Date(person.until_utc).getTime() - Date.now()) / DAY_MS)));
}
