// Oneself: what one may do, a new password, and the ways out.

import { send } from "../api";
import type { Session } from "../session";
import { certificate } from "./certificate";
import type { Host } from "./index";
import { card, el, fault, form, head, sure, trouble } from "./kit";
import { waits } from "./outside";
import { currentPassword, newPassword, whose } from "./password";
import * as say from "./say";

export function you(host: Host): HTMLElement {
  const session = host.session();
  const role = say.ROLES[session?.role ?? ""];
  const rights = Object.entries(say.PERMISSIONS).filter(([one]) => session?.permissions.includes(one)).map(([, words]) => el("li", {}, say.capital(words)));
  return el(
    "div",
    { class: "cards" },
    head(session?.name ?? "You", role ? `${role.name}. ${role.about}` : "", el("button", { class: "button plain", type: "button", click: () => void leave(host, false) }, "Log out")),
    card("What you may do", el("ul", { class: "bullets" }, ...rights)),
    card("A new password", change(host)),
    card(
      "Everywhere",
      el("p", { class: "quiet" }, "Ends every session of yours on every device, this one included; each then asks for your password. For a device that is lost, or that you left logged in."),
      everywhere(host),
    ),
    certificate(),
  );
}

function everywhere(host: Host): HTMLElement {
  const said = el("p", { class: "fault", role: "alert" });
  const go = async (): Promise<void> => {
    if (!(await sure("Log out everywhere?", "Every session of yours ends, this one included.", "Log out everywhere"))) return;
    said.textContent = await leave(host, true);
  };
  return el("div", { class: "row-after" }, el("p", {}, el("button", { class: "button plain warn", type: "button", click: () => void go() }, "Log out everywhere")), said);
}

/** Ends sessions; what is handed back is why not. */
async function leave(host: Host, everywhere: boolean): Promise<string> {
  try {
    await send("/api/v1/session/end", { everywhere });
  } catch (error) {
    return trouble(error);
  }
  host.left();
  return "";
}

function change(host: Host): HTMLElement {
  const name = host.session()?.name ?? "";
  const old = currentPassword("Password until now", "old");
  const anew = newPassword("New password", () => name);
  const made = form({
    submit: "Change the password",
    children: [whose(name), old.root, anew.root, el("p", { class: "quiet small" }, "Every other session of yours ends.")],
    about: { wrong_credentials: old, weak_password: anew },
    good: () => {
      fault(anew, anew.lack());
      fault(old, old.lack());
      const lacking = [old, anew].find((one) => one.lack());
      lacking?.input.focus();
      return lacking === undefined;
    },
    send: async () => {
      host.entered(await send<Session>("/api/v1/password", { old: old.input.value, new: anew.input.value }));
      made.root.reset();
      anew.input.dispatchEvent(new Event("input"));
      return "Your password is changed. Every other session of yours has ended.";
    },
    refused: (refused) => waits(refused, made),
  });
  return made.root;
}
