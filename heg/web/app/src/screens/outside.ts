// Before anybody is let in: becoming the owner, logging in, using a one-time code, and what a damaged file means.

import { type Refused, send } from "../api";
import { text } from "../dom";
import { askSession, inside, type Session } from "../session";
import { certificate } from "./certificate";
import type { Host } from "./index";
import { card, el, fault, field, form, head, textInput } from "./kit";
import { currentPassword, newPassword } from "./password";
import * as say from "./say";

const LOOK_MS = 2000;

/** Shows what the gateway asks of strangers; `host.entered` hears of a login. */
export function outside(host: Host, session: Session): void {
  document.title = session.claimed ? "Log in" : "Become the owner";
  if (session.locked) show(host, locked());
  else if (!session.claimed) show(host, unclaimed(host));
  else show(host, login(host));
  if (session.locked || !session.claimed) void watch(host, session);
}

/** The console, or somebody else, changes what is asked for: the page sees it by itself. */
async function watch(host: Host, seen: Session): Promise<void> {
  const place = host.place.firstElementChild;
  while (place !== null && place.isConnected) {
    await new Promise((done) => window.setTimeout(done, LOOK_MS));
    if (document.hidden || !place.isConnected) continue;
    const now = await askSession().catch(() => null);
    if (now === null || !place.isConnected || inside(now)) continue;
    if (now.claimed !== seen.claimed || now.locked !== seen.locked) {
      outside(host, now);
      return;
    }
  }
}

function show(host: Host, what: HTMLElement, focus?: HTMLElement): void {
  host.place.hidden = false;
  host.place.replaceChildren(what);
  (focus ?? what.querySelector<HTMLElement>("input:not(.hush)") ?? what.querySelector<HTMLElement>("h2"))?.focus();
}

function locked(): HTMLElement {
  return narrow(
    head("Nobody can log in now", "The file of people, keys and log is damaged. The house goes on as before; only nobody is let in, so that nobody gets in who should not."),
    card("How the owner mends it", el("p", {}, "At the gateway's console (a screen, or ssh):"), console_("sudo heg accounts recover"), el("p", { class: "quiet" }, "It keeps the damaged file beside, begins a new one, and prints a code for its owner. This page sees it by itself.")),
  );
}

function unclaimed(host: Host): HTMLElement {
  return narrow(
    head("Become the owner", "This gateway belongs to nobody yet. Whoever has its code becomes the owner; there is no password that it came with."),
    el("section", { class: "card", "aria-label": "Where the code is" }, el("p", {}, "The code: at the gateway's console (a screen, or ssh)"), console_("sudo heg claim-code"), el("p", { class: "quiet" }, "It is good once, and for half an hour.")),
    codeCard(host, "Your code and your password", "Become the owner", true),
    certificate(),
  );
}

/** A one-time code of any kind: it sets a password, and logs in. */
function codeCard(host: Host, title: string, submit: string, owner: boolean): HTMLElement {
  const code = field("One-time code", textInput("code", { autocomplete: "one-time-code", autocapitalize: "characters", placeholder: "7K2M-9QXR-4DTH", class: "code", maxlength: 64 }));
  const name = field(
    owner ? "A name for you" : "Your name",
    textInput("username", { autocomplete: "username", maxlength: 32 }),
    owner ? "Letters, digits, dots and dashes, such as anna." : "The one you were invited with. For an owner's lost password: the owner's name.",
  );
  const password = newPassword("A password of your own", () => name.input.value);
  const made = form({
    submit,
    children: [code.root, name.root, password.root],
    about: { bad_code: code, bad_name: name, weak_password: password },
    good: () => {
      const faults: [typeof code, string][] = [
        [password, password.lack()],
        [name, owner && !name.input.value.trim() ? "A name is missing." : ""],
        [code, code.input.value.trim() ? "" : "The code is missing."],
      ];
      for (const [one, words] of faults) if (words) (fault(one, words), one.input.focus());
      return faults.every(([, words]) => !words);
    },
    send: async () => {
      const body = { code: code.input.value.trim(), name: name.input.value.trim().toLowerCase(), password: password.input.value };
      host.entered(await send<Session>("/api/v1/claim", body));
    },
    refused: (refused) => waits(refused, made),
  });
  return card(title, made.root);
}

function login(host: Host): HTMLElement {
  const known = host.session()?.name ?? "";
  const name = field("Name", textInput("username", { autocomplete: "username", maxlength: 64, value: known }));
  const password = currentPassword();
  const made = form({
    submit: "Log in",
    children: [name.root, password.root],
    about: { wrong_credentials: password },
    good: () => {
      fault(name, name.input.value.trim() ? "" : "Your name is missing.");
      fault(password, password.lack());
      const lacking = [name, password].find((one) => one.input.getAttribute("aria-invalid") === "true");
      lacking?.input.focus();
      return lacking === undefined;
    },
    send: async () => {
      const session = await send<Session>("/api/v1/session", { name: name.input.value.trim(), password: password.input.value });
      password.input.value = "";
      host.entered(session);
    },
    refused: (refused) => {
      password.input.select();
      return waits(refused, made);
    },
  });
  const found = narrow(
    head("Log in", known ? "Your session has ended. After the login you are back where you were." : "Only those whom the owner has invited see this house."),
    card("Name and password", made.root),
    other("I have a one-time code", "You were invited, or lost your password and were given a code.", () => show(host, code(host))),
    lost(),
    certificate(),
  );
  if (known) window.setTimeout(() => password.input.focus());
  return found;
}

function code(host: Host): HTMLElement {
  return narrow(
    head("Use a one-time code", "It sets a password of your own and logs you in."),
    codeCard(host, "Your code and your password", "Set the password", false),
    other("Back to the login", "With a name and a password.", () => show(host, login(host))),
  );
}

function lost(): HTMLElement {
  return el(
    "details",
    { class: "card lost-help" },
    el("summary", {}, "The password is lost"),
    el("p", {}, "The owner can give you a one-time code (Access, your name, ", el("em", {}, "new password"), ")."),
    el("p", {}, "An owner who lost it makes one at the gateway's console (a screen, or ssh):"),
    console_("sudo heg accounts recover"),
    el("p", { class: "quiet" }, "Wrong tries elsewhere on the network never keep you from doing this, and none lasts longer than a quarter of an hour."),
  );
}

function other(title: string, about: string, go: () => void): HTMLElement {
  return el("section", { class: "card other-way", "aria-label": title }, el("p", { class: "quiet" }, about), el("button", { class: "button plain", type: "button", click: go }, title));
}

function console_(words: string): HTMLElement {
  return el("pre", { tabindex: "0", "aria-label": "Command at the console" }, el("code", {}, words));
}

function narrow(...children: HTMLElement[]): HTMLElement {
  return el("div", { class: "narrow" }, ...children);
}

/** After too many wrong tries: the button waits with the person, and counts. True when it did. */
export function waits(refused: Refused, made: { button: HTMLButtonElement; tell: (words: string, wrong?: boolean) => void }): boolean {
  if (refused.reason !== "too_many_tries" || refused.wait_s <= 0) return false;
  const { button } = made;
  const words = button.textContent ?? "";
  const end = performance.now() + refused.wait_s * 1000;
  button.disabled = true;
  button.dataset.waiting = "yes";
  made.tell(`Too many wrong tries. You can try again in ${say.span(refused.wait_s)}; trying earlier does not lengthen it.`, true);
  const tick = window.setInterval(() => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left > 0 && button.isConnected) {
      text(button, `Wait ${say.span(left)}`);
      return;
    }
    window.clearInterval(tick);
    delete button.dataset.waiting;
    button.disabled = false;
    text(button, words);
    made.tell("You can try again now.");
  }, 250);
  text(button, `Wait ${say.span(refused.wait_s)}`);
  return true;
}
