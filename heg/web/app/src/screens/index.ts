// The screens besides the live page: one place, one screen at a time.

import "./screens.css";

import { whenEnded } from "../api";
import type { HouseClock } from "../format";
import type { Screen, Session } from "../session";
import { access } from "./access";
import { audit } from "./audit";
import { configuration } from "./configuration";
import { devices } from "./devices";
import { outside } from "./outside";
import { you } from "./you";

/** What the screens are given by the shell. */
export interface Host {
  place: HTMLElement;
  session: () => Session | null;
  /** Somebody is let in, or gave the password again. */
  entered: (session: Session) => void;
  /** Whoever was here has logged out. */
  left: () => void;
  /** A request was refused for want of a login. */
  doubt: () => void;
  clock: () => HouseClock;
}

export interface Screens {
  show: (screen: Screen, same: boolean) => void;
  outside: (session: Session) => void;
  leave: () => void;
}

const MADE: Partial<Record<Screen, [title: string, make: (host: Host) => HTMLElement]>> = {
  devices: ["Devices", devices],
  configuration: ["Settings", configuration],
  access: ["Access", access],
  audit: ["Log", audit],
  you: ["You", you],
};

export function begin(host: Host): Screens {
  whenEnded(host.doubt);
  // While nobody is let in, the screen that was left waits here with what was typed in it.
  let waiting: Element[] | null = null;
  const fill = (screen: Screen): void => {
    const [title, make] = MADE[screen] ?? ["", you];
    document.title = title;
    host.place.replaceChildren(make(host));
    host.place.querySelector<HTMLElement>(".screen-title")?.focus();
  };
  return {
    show: (screen, same) => {
      const back = waiting;
      waiting = null;
      if (same && back !== null && back.length > 0) {
        document.title = MADE[screen]?.[0] ?? "";
        host.place.replaceChildren(...back);
        host.place.querySelector<HTMLElement>(".screen-title")?.focus();
      }
      else if (!same || back !== null) fill(screen);
      host.place.hidden = false;
    },
    outside: (session) => {
      waiting ??= [...host.place.children];
      for (const box of document.querySelectorAll("dialog")) box.close("");
      outside(host, session);
    },
    leave: () => {
      waiting = null;
      host.place.hidden = true;
      host.place.replaceChildren();
    },
  };
}
