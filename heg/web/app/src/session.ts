// Who looks, and what they may do. What somebody may not do is not offered to them.

import { ask } from "./api";

export type Role = "owner" | "installer" | "user" | "viewer";

export interface Session {
  /** Whether this gateway asks for a login at all. */
  login: boolean;
  claimed: boolean;
  locked: boolean;
  name: string | null;
  role: Role | null;
  permissions: string[];
  fresh: boolean;
}

export function askSession(): Promise<Session> {
  return ask<Session>("/api/v1/session");
}

export function inside(session: Session): boolean {
  return !session.login || session.name !== null;
}

export function may(session: Session, permission: string): boolean {
  return session.permissions.includes(permission);
}

/** Live pictures are the household's; an installer sees devices by a door of their own. */
export function household(session: Session): boolean {
  return session.role !== "installer";
}

export type Screen = "house" | "devices" | "configuration" | "access" | "audit" | "you";

/** The screens that a person is offered, in their order. */
export function screens(session: Session): Screen[] {
  const offered: Screen[] = household(session) ? ["house"] : [];
  if (!session.login) return offered;
  if (may(session, "read")) offered.push("devices");
  if (may(session, "configure")) offered.push("configuration");
  if (may(session, "accounts") || may(session, "tokens")) offered.push("access");
  if (may(session, "audit")) offered.push("audit");
  return [...offered, "you"];
}

/** The screen that an address names, or the first that is offered. */
export function screenOf(hash: string, session: Session): Screen {
  const offered = screens(session);
  const named = /^#\/([a-z]+)$/.exec(hash)?.[1];
  return offered.find((one) => one === named) ?? offered[0] ?? "you";
}
