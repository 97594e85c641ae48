// The password once more, over whatever was being done: a phone left on the table gives nothing away.

import { Refused, send } from "../api";
import type { Session } from "../session";
import type { Host } from "./index";
import { el, form, newId } from "./kit";
import { waits } from "./outside";
import { currentPassword, whose } from "./password";

/** Do it; where the password is needed for it, ask for it and do it again. What was typed stays. */
export async function fresh<T>(host: Host, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Refused) || error.reason !== "password_needed") throw error;
    if (!(await again(host))) throw new Error("Your password is needed for this; nothing was done.");
    return work();
  }
}

let asking: Promise<boolean> | null = null;

/** Asks once, whoever needs it; false when it was left. */
function again(host: Host): Promise<boolean> {
  asking ??= asked(host).finally(() => {
    asking = null;
  });
  return asking;
}

function asked(host: Host): Promise<boolean> {
  const name = host.session()?.name ?? "";
  return new Promise((done) => {
    const password = currentPassword(`Password of ${name}`);
    const made = form({
      submit: "Go on",
      children: [whose(name), password.root],
      about: { wrong_credentials: password },
      good: () => password.input.value !== "",
      send: async () => {
        const session = await send<Session>("/api/v1/session", { name, password: password.input.value });
        host.entered(session);
        box.close("yes");
      },
      refused: (refused) => {
        password.input.select();
        return waits(refused, made);
      },
      beside: [el("button", { class: "button plain", type: "button", click: () => box.close("") }, "Leave it")],
    });
    const title = newId();
    const box = el(
      "dialog",
      { class: "box", "aria-labelledby": title },
      el("h2", { id: title }, "Your password, once more"),
      el("p", { class: "quiet" }, "What you are about to do changes who may do what. It is asked for when it was given more than ten minutes ago."),
      made.root,
    );
    box.addEventListener("close", () => {
      done(box.returnValue === "yes");
      box.remove();
    });
    document.body.append(box);
    box.showModal();
    password.input.focus();
  });
}
