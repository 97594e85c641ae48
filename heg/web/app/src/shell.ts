// Which screen is looked at, and who looks. The live page is here; the other screens come in a bundle of their own, the
// first time one of them is wanted.

import { whenEnded } from "./api";
import { bundle, byId, nobodyMayLook, show, text } from "./dom";
import { HouseClock } from "./format";
import { Page } from "./page";
import type { Screens } from "./screens/index";
import { askSession, household, inside, type Screen, screenOf, screens, type Session } from "./session";

const AGAIN_MS = 2000;
const PERMISSIONS = ["command", "commission"];

export class Shell {
  private session: Session | null = null;
  private page: Page | null = null;
  private bundle: Promise<Screens> | null = null;
  private shown: Screen | null = null;
  private asking = false;

  start(): void {
    window.addEventListener("hashchange", () => void this.go(true));
    whenEnded(() => void this.doubt());
    for (const link of document.querySelectorAll(".skip")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        visibleMain().focus();
      });
    }
    void this.look();
  }

  private async look(): Promise<void> {
    try {
      const session = await askSession();
      show(byId("banner-lost"), false);
      await this.meet(session);
    } catch {
      text(byId("banner-lost"), "The gateway does not answer. The page tries again by itself.");
      show(byId("banner-lost"), true);
      window.setTimeout(() => void this.look(), AGAIN_MS);
    }
  }

  private async meet(session: Session): Promise<void> {
    if (inside(session)) this.enter(session);
    else await this.outside(session);
  }

  /** Something was refused, or the stream broke: is whoever looks still let in? */
  private async doubt(): Promise<void> {
    if (this.session === null || !this.session.login || this.asking) return;
    this.asking = true;
    try {
      const session = await askSession();
      if (!inside(session)) await this.outside(session);
    } catch {
      // The gateway is away; the stream says so.
    } finally {
      this.asking = false;
    }
  }

  /** Nobody is let in: what was shown waits, out of sight, for the same person to come back. */
  private async outside(session: Session): Promise<void> {
    if (nobodyMayLook()) return;
    this.page?.stop();
    document.body.classList.add("outside");
    show(byId("nav"), false);
    show(byId("main"), false);
    show(byId("banners"), false);
    document.body.classList.remove("asking");
    (await this.screens()).outside(session);
  }

  private enter(session: Session): void {
    const before = this.session;
    if (before !== null && (before.name !== session.name || before.role !== session.role)) {
      window.location.reload(); // nothing of the one before is left
      return;
    }
    const back = nobodyMayLook();
    this.session = session;
    document.body.classList.remove("outside", "asking");
    for (const one of PERMISSIONS) document.body.classList.toggle(`may-${one}`, session.permissions.includes(one));
    show(byId("banners"), true);
    this.showNav(session);
    if (household(session)) this.live();
    else document.body.classList.remove("waiting");
    void this.go(back);
  }

  private live(): void {
    if (this.page === null) {
      this.page = new Page(() => void this.doubt());
      this.page.start();
    } else {
      this.page.again();
    }
  }

  private showNav(session: Session): void {
    const offered = screens(session);
    show(byId("nav"), offered.length > 1);
    document.body.classList.toggle("with-nav", offered.length > 1);
    document.body.classList.toggle("no-live", !household(session));
    for (const link of document.querySelectorAll<HTMLElement>("#nav a")) {
      show(link.parentElement as HTMLElement, offered.includes(link.dataset.screen as Screen));
    }
  }

  /** Show the screen that the address names; whoever went there is told by the focus where they are. */
  private async go(moved: boolean): Promise<void> {
    if (this.session === null || nobodyMayLook()) return;
    const screen = screenOf(window.location.hash, this.session);
    const same = screen === this.shown;
    this.shown = screen;
    for (const link of document.querySelectorAll<HTMLElement>("#nav a")) {
      if (link.dataset.screen === screen) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const house = screen === "house";
    this.page?.look(house);
    if (house && this.bundle !== null) (await this.bundle).leave();
    show(byId("main"), house);
    if (!house) await this.showScreen(screen, same);
    if (moved && !same) window.scrollTo(0, 0);
    if (moved && house) byId("main").focus({ preventScroll: true });
  }

  private async showScreen(screen: Screen, same: boolean): Promise<void> {
    show(byId("screen"), true);
    try {
      (await this.screens()).show(screen, same);
    } catch {
      text(byId("banner-lost"), "This screen could not be loaded: the gateway does not answer. Choose it again in a while.");
      show(byId("banner-lost"), true);
      this.shown = null;
    }
  }

  private async screens(): Promise<Screens> {
    this.bundle ??= this.load();
    try {
      return await this.bundle;
    } catch (error) {
      this.bundle = null; // asked again the next time
      throw error;
    }
  }

  private async load(): Promise<Screens> {
    const found = await bundle<typeof import("./screens/index")>("/screens");
    return found.begin({
      place: byId("screen"),
      session: () => this.session,
      entered: (session) => this.enter(session),
      left: () => {
        window.location.hash = "";
        window.location.reload(); // nothing of this person is left in the page
      },
      doubt: () => void this.doubt(),
      clock: () => this.page?.zoned() ?? new HouseClock(""),
    });
  }
}

function visibleMain(): HTMLElement {
  return document.querySelector<HTMLElement>("main:not([hidden])") ?? byId("main");
}
