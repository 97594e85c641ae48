// Who may do what: people with their roles, and keys for programs.

import { may } from "../session";
import type { Host } from "./index";
import { el, head } from "./kit";
import { people } from "./people";
import { tokens } from "./tokens";

export function access(host: Host): HTMLElement {
  const session = host.session();
  const all = session !== null && may(session, "accounts");
  return el(
    "div",
    { class: "cards" },
    head("Access", all ? "Who may do what in this house: people, and programs that hold a key." : "Keys for programs of yours, such as a dashboard."),
    ...(all ? people(host) : []),
    ...(session !== null && may(session, "tokens") ? tokens(host) : []),
  );
}
