// What the screens are made of: elements, labelled fields, forms that say what is wrong where it is wrong.

import { Refused, SILENT } from "../api";
import { text } from "../dom";
import * as say from "./say";

type Attribute = string | number | boolean | ((event: Event) => void);
export type Child = Node | string | null | false;

/** An element with its attributes; functions become listeners of the event they are named after. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Attribute> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== false));
  return element;
}

let made = 0;

export function newId(): string {
  made += 1;
  return `s${made}`;
}

export interface Field {
  root: HTMLElement;
  input: HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;
}

/** A labelled input with its help, which screen readers read along. */
export function field(label: string, input: Field["input"], help = "", after: Child = null): Field {
  const id = newId();
  input.id = id;
  const described = [help && `${id}-help`, `${id}-fault`].filter(Boolean).join(" ");
  input.setAttribute("aria-describedby", described);
  const root = el(
    "div",
    { class: ["field-block", help && "with-help", after && "with-after"].filter(Boolean).join(" ") },
    el("label", { for: id }, label),
    help ? el("p", { class: "quiet small", id: `${id}-help` }, help) : null,
    input,
    after,
    el("p", { class: "fault", id: `${id}-fault` }),
  );
  return { root, input };
}

export function textInput(name: string, attributes: Record<string, Attribute> = {}): HTMLInputElement {
  return el("input", { name, type: "text", autocapitalize: "none", spellcheck: "false", ...attributes });
}

/** Say what is wrong with a field, beside it; an empty text takes it back. */
export function fault({ input }: Field, words: string): void {
  const place = document.getElementById(`${input.id}-fault`);
  if (place !== null) text(place, words);
  if (words) input.setAttribute("aria-invalid", "true");
  else input.removeAttribute("aria-invalid");
}

export interface Form {
  root: HTMLFormElement;
  button: HTMLButtonElement;
  /** What came of it; empty takes it back. */
  tell: (words: string, wrong?: boolean) => void;
}

interface Wanted {
  submit: string;
  children: Child[];
  /** Judged before anything is sent: false keeps it here (the faults were said). */
  good?: () => boolean;
  send: () => Promise<string | void>;
  /** Which field a refusal is about, by its reason. */
  about?: Record<string, Field>;
  beside?: Child[];
  /** Takes a refusal that it knows better to tell; true when it did. */
  refused?: (refused: Refused) => boolean;
}

/** A form that sends once at a time, keeps what was typed when refused, and puts the focus where the mending is. */
export function form(wanted: Wanted): Form {
  const button = el("button", { class: "button", type: "submit" }, wanted.submit);
  const status = el("p", { class: "said", role: "status" });
  const alert = el("p", { class: "fault", role: "alert" });
  const tell = (words: string, wrong = false): void => {
    text(status, wrong ? "" : words);
    text(alert, wrong ? words : "");
  };
  const fields = Object.values(wanted.about ?? {});
  const root = el("form", { novalidate: true }, ...wanted.children, el("div", { class: "row" }, button, ...(wanted.beside ?? [])), status, alert);
  const send = async (): Promise<void> => {
    for (const one of fields) fault(one, "");
    tell("");
    if (wanted.good !== undefined && !wanted.good()) return;
    button.disabled = true;
    try {
      tell((await wanted.send()) ?? "");
    } catch (error) {
      if (error instanceof Refused && wanted.refused?.(error)) return;
      const about = error instanceof Refused ? wanted.about?.[error.reason] : undefined;
      tell(trouble(error), true);
      if (about !== undefined) {
        fault(about, trouble(error));
        tell("");
        about.input.focus();
      }
    } finally {
      if (button.dataset.waiting === undefined) button.disabled = false;
    }
  };
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!button.disabled) void send();
  });
  return { root, button, tell };
}

/** What went wrong, as a sentence. */
export function trouble(error: unknown): string {
  if (error instanceof Refused) return say.refusal(error.said, error.message);
  if (error instanceof TypeError) return `${SILENT} Try again in a while.`;
  return error instanceof Error ? error.message : String(error);
}

/** The head of a screen: its name, and a sentence of what it is for. It takes the focus when the screen is gone to. */
export function head(title: string, about: string, ...beside: Child[]): HTMLElement {
  return el(
    "div",
    { class: "screen-head" },
    el("div", {}, el("h2", { tabindex: "-1", class: "screen-title" }, title), el("p", { class: "quiet" }, about)),
    ...beside,
  );
}

export function card(title: string, ...children: Child[]): HTMLElement {
  const id = newId();
  return el("section", { class: "card", "aria-labelledby": id }, el("h3", { id }, title), ...children);
}

/** A card over the whole width. */
export function wide(title: string, ...children: Child[]): HTMLElement {
  const made = card(title, ...children);
  made.classList.add("full");
  return made;
}

/** A text that is shown this once, with a button that copies it. */
export function once(label: string, value: string, help: string): HTMLElement {
  const said = el("span", { role: "status", class: "quiet" });
  const shown = el("output", { class: "once-value", "aria-label": label, tabindex: "0" }, value);
  const copy = el("button", { class: "button plain", type: "button", click: () => void copied(value, shown, said) }, "Copy");
  return el("div", { class: "once" }, el("p", {}, el("strong", {}, label)), el("div", { class: "once-row" }, shown, copy), said, el("p", { class: "quiet" }, help));
}

async function copied(value: string, shown: HTMLElement, said: HTMLElement): Promise<void> {
  try {
    await navigator.clipboard.writeText(value);
    text(said, "Copied.");
  } catch {
    window.getSelection()?.selectAllChildren(shown);
    text(said, "This browser does not let the page copy: it is marked, copy it by hand.");
  }
}

/** A question before something that cannot be taken back. */
export function sure(question: string, what: string, yes: string): Promise<boolean> {
  return new Promise((done) => {
    const title = newId();
    const box = el(
      "dialog",
      { class: "box", "aria-labelledby": title },
      el("h2", { id: title }, question),
      el("p", {}, what),
      el(
        "div",
        { class: "row" },
        el("button", { class: "button danger", type: "button", click: () => box.close("yes") }, yes),
        el("button", { class: "button plain", type: "button", autofocus: true, click: () => box.close("") }, "Leave it"),
      ),
    );
    box.addEventListener("close", () => {
      done(box.returnValue === "yes");
      box.remove();
    });
    document.body.append(box);
    box.showModal();
  });
}
