// A password field: shown or hidden at will, pasting allowed, named so that password managers know it; a new one with a
// meter under it.

import { text } from "../dom";
import { el, type Field, field, textInput } from "./kit";
import { strength } from "./meter";

export interface PasswordField extends Field {
  input: HTMLInputElement;
  /** What the gateway would refuse about it, empty when it will do. */
  lack: () => string;
}

export function currentPassword(label = "Password", name = "password"): PasswordField {
  const { input, show } = masked(name, "current-password");
  const shown = field(label, input, "", show);
  return { root: shown.root, input, lack: () => (input.value ? "" : "The password is missing.") };
}

/** A password to be chosen; `name` tells whose, for a name in it is guessed first. */
export function newPassword(label: string, name: () => string): PasswordField {
  const { input, show } = masked("new-password", "new-password");
  const words = el("span", { "aria-live": "polite", class: "small" });
  const bar = el("span", { class: "meter", "aria-hidden": "true" }, el("span"), el("span"), el("span"), el("span"));
  const shown = field(label, input, "10 characters or more. Length is what counts: four or five words that have nothing to do with each other are good and easy to keep.", show);
  input.after(bar);
  bar.after(words);
  let later = 0;
  input.addEventListener("input", () => {
    const judged = strength(input.value, name());
    bar.className = `meter level-${input.value ? judged.level : "none"}`;
    // Said when typing rests, so that a screen reader is not talked over.
    window.clearTimeout(later);
    later = window.setTimeout(() => text(words, input.value ? judged.words : ""), 300);
  });
  return { root: shown.root, input, lack: () => strength(input.value, name()).lack };
}

function masked(name: string, autocomplete: string): { input: HTMLInputElement; show: HTMLButtonElement } {
  const input = textInput(name, { type: "password", autocomplete, maxlength: 256, autocorrect: "off" });
  const show = el("button", { class: "button small show-password", type: "button", "aria-label": "Show the password" }, "Show");
  show.addEventListener("click", () => {
    const hidden = input.type === "password";
    input.type = hidden ? "text" : "password";
    show.setAttribute("aria-label", hidden ? "Hide the password" : "Show the password");
    text(show, hidden ? "Hide" : "Show");
  });
  return { input, show };
}

/** The name that belongs to a password that is asked for, for password managers; nothing to be typed. */
export function whose(name: string): HTMLElement {
  return textInput("username", { value: name, autocomplete: "username", readonly: true, class: "hush", tabindex: "-1", "aria-hidden": "true" });
}
