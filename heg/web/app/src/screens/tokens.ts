// Keys for programs: some of what their person may do, for a while; for another company, what the policies let it see.

import { ask, send } from "../api";
import { may } from "../session";
import { fresh } from "./again";
import type { Host } from "./index";
import { card, el, type Field, field, form, once, sure, textInput, trouble } from "./kit";
import { fill } from "./load";
import * as say from "./say";

interface Token {
  id: number;
  label: string;
  account: number;
  scopes: string[];
  created_utc: string;
  expires_utc: string;
  stakeholder: string | null;
}

interface Issued {
  token: Token;
  key: string;
}

export function tokens(host: Host): HTMLElement[] {
  const list = el("ul", { class: "rows", role: "list" });
  const keys = el("div", { "aria-live": "polite" });
  const told = (issued?: Issued): void => {
    keys.replaceChildren(...(issued ? [keyOf(issued)] : []));
    keys.querySelector<HTMLElement>(".once-value")?.focus();
    void load();
  };
  const load = (): Promise<void> =>
    fill(host, list, () => ask<{ tokens: Token[] }>("/api/v1/tokens"), (found) => {
      if (found.tokens.length === 0) return [el("li", { class: "quiet" }, "No program holds a key.")];
      return found.tokens.map((one) => row(host, one, told));
    });
  void load();
  return [card("Keys for programs", keys, list), card("Make a key", make(host, told))];
}

function keyOf({ token, key }: Issued): HTMLElement {
  return once(`Key of ${token.label}`, key, "Shown this once. The program sends it as \"Authorization: Bearer …\"; whoever has it may do what it may.");
}

function row(host: Host, token: Token, told: () => void): HTMLElement {
  const fault = el("p", { class: "fault", role: "alert" });
  const revoke = async (): Promise<void> => {
    try {
      if (!(await sure(`Revoke ${token.label}?`, "The program that holds this key is not let in any more.", "Revoke"))) return;
      await fresh(host, () => send(`/api/v1/tokens/${token.id}/revoke`));
      told();
    } catch (error) {
      fault.textContent = trouble(error);
    }
  };
  const ends = new Date(token.expires_utc);
  const about = [`ends ${host.clock().day(ends)}`, token.stakeholder && `for ${token.stakeholder}`].filter(Boolean).join(", ");
  return el(
    "li",
    { class: "row-line" },
    el("span", { class: "row-name" }, el("strong", {}, token.label), el("span", { class: "quiet" }, about)),
    el("span", { class: "chips" }, ...token.scopes.map((scope) => el("span", { class: "chip" }, scope.replace("_", " ")))),
    el("button", { class: "button small", type: "button", "aria-label": `Revoke ${token.label}`, click: () => void revoke() }, "Revoke"),
    fault,
  );
}

function make(host: Host, told: (issued: Issued) => void): HTMLElement {
  const session = host.session();
  const mine = say.SCOPES.filter((scope) => session !== null && may(session, scope));
  const label = field("What it is for", textInput("label", { maxlength: 64, autocomplete: "off", autocapitalize: "sentences" }), "Such as home-assistant.");
  const days = field("Good for days", el("input", { type: "number", name: "days", min: 1, max: 366, step: "any", value: 90, inputmode: "numeric" }), "At most 366.");
  const boxes = mine.map((scope) => ({ scope, input: el("input", { type: "checkbox", name: "scope", value: scope, checked: scope === "read" }) }));
  const whom = field("For another company", textInput("stakeholder", { maxlength: 64, autocomplete: "off", placeholder: "dso:enel" }), "Empty: for a program of your own. Otherwise its role and name; it then sees what your policies let it see.");
  const choose = el(
    "fieldset",
    { class: "field-block" },
    el("legend", {}, "What it may do"),
    ...boxes.map(({ scope, input }) => el("label", { class: "check" }, input, el("span", {}, say.capital(say.PERMISSIONS[scope] ?? scope)))),
  );
  whom.input.addEventListener("input", () => {
    for (const { scope, input } of boxes) {
      input.disabled = whom.input.value.trim() !== "" && !say.STRANGERS.includes(scope);
      if (input.disabled) input.checked = false;
    }
  });
  const about: Record<string, Field> = { bad_name: label, out_of_range: days };
  const made = form({
    submit: "Make the key",
    children: [label.root, choose, days.root, session !== null && may(session, "accounts") ? whom.root : null],
    about,
    send: async () => {
      const scopes = boxes.filter(({ input }) => input.checked).map(({ scope }) => scope);
      if (scopes.length === 0) throw new Error("A key that may do nothing is of no use: tick what it may do.");
      const body = { label: label.input.value.trim(), scopes, days: Number(days.input.value), stakeholder: whom.input.value.trim() || null };
      const issued = await fresh(host, () => send<Issued>("/api/v1/tokens", body));
      made.root.reset();
      told(issued);
    },
  });
  return made.root;
}
