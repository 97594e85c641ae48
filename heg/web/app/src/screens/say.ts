// Sentences of the screens: who may do what, what a refusal means, what a line of the log tells.

import type { Problem } from "../api";

export const ROLES: Record<string, { name: string; about: string }> = {
  owner: { name: "Owner", about: "May do everything, people and their rights included." },
  user: { name: "User", about: "Sees everything, gives everyday orders, makes keys for programs of their own." },
  viewer: { name: "Viewer", about: "Sees what the house does, and changes nothing." },
  installer: { name: "Installer", about: "Sets up devices and settings; of the house they see what your policies let them." },
};

export const PERMISSIONS: Record<string, string> = {
  read: "see values, history, plan, savings and devices",
  command: "give everyday orders: by hand, hands off, the car, a cycle",
  commission: "look for, add, rename, test and remove devices",
  configure: "read and change the settings",
  policies: "say which others see or write what, and how often",
  audit: "read and verify the log",
  personal_data: "export and erase the house's data",
  tokens: "make keys for programs",
  accounts: "invite people and change what they may do",
};

/** What a token can hold; more than this no key may do. */
export const SCOPES = ["read", "command", "commission", "configure", "policies", "audit", "personal_data"];
export const STRANGERS = ["read", "command"];

export function refusal(said: Problem, otherwise: string): string {
  switch (said.reason) {
    case "wrong_credentials":
      return "This name and this password do not belong together. Check both; capital letters count in the password.";
    case "bad_code":
      return "This code does not hold, or no longer: codes are good once and for a limited time. Have another one made.";
    case "too_many_tries":
      return `Too many wrong tries.${after(said.mend)}`;
    case "busy":
      return "The gateway is busy checking other passwords. Try again in a few seconds.";
    case "weak_password":
      return `This password is not taken: expected ${said.expected ?? "a longer one"}.`;
    case "not_allowed":
      return "You may not do this. Ask the owner of the gateway.";
    case "name_taken":
      return "Somebody has this name already. Choose another.";
    case "last_owner":
      return "One owner must stay who has a password and no end. Make somebody else an owner first.";
    default:
      return said.expected === undefined ? otherwise : `${capital(`expected ${said.expected}`)}${said.came ? `, came ${said.came}` : ""}.${after(said.mend)}`;
  }
}

function after(mend: string | undefined): string {
  return mend ? ` ${capital(mend)}.`.replace(/\.\.$/, ".") : "";
}

export function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const KINDS: Record<string, string> = {
  login: "Login",
  logout: "Logout",
  claim: "Claim",
  refusal: "Refused",
  command: "Order",
  account: "People",
  token: "Key",
  key: "One-time code",
  policy: "Policy",
  configuration: "Settings",
  evidence: "Limit",
  audit: "Log",
};

/** A span of real time, in the words of a person who waits. */
export function span(seconds: number): string {
  if (seconds < 90) return many(Math.max(1, Math.round(seconds)), "second");
  if (seconds < 5400) return many(Math.round(seconds / 60), "minute");
  if (seconds < 129_600) return many(Math.round(seconds / 3600), "hour");
  if (seconds < 400 * 86_400) return many(Math.round(seconds / 86_400), "day");
  const years = seconds / 31_557_600;
  return years < 1000 ? many(Math.round(years), "year") : "more than a thousand years";
}

export function many(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
