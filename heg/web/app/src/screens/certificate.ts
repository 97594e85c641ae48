// What the gateway shows to the home network, so that who visits can see that it is this one.

import { ask } from "../api";
import { el } from "./kit";

interface Certificate {
  sha256: string;
  pin: string;
  names: string[];
  issuer: string;
  begin_utc: string;
  end_utc: string;
  own: boolean;
}

interface Now {
  certificate: Certificate | null;
  addresses: string[];
  trouble: string;
  mend: string;
}

/** A card with the certificate's fingerprint; empty where the home network is not let in. */
export function certificate(): HTMLElement {
  const place = el("section", { class: "card", hidden: true, "aria-label": "Certificate of this gateway" });
  void ask<Now>("/api/v1/certificate").then(
    (found) => {
      const pieces = told(found);
      place.append(...pieces);
      place.hidden = pieces.length === 0;
    },
    () => undefined, // it helps who looks for it, and nothing waits for it
  );
  return place;
}

function told({ certificate: shown, addresses, trouble, mend }: Now): HTMLElement[] {
  if (trouble) return [el("h3", {}, "Certificate"), el("p", { class: "fault" }, trouble), el("p", { class: "quiet" }, mend)];
  if (shown === null) return [];
  const end = new Date(shown.end_utc);
  return [
    el("h3", {}, "Certificate"),
    el("p", { class: "quiet" }, "Your browser shows the same fingerprint for this page, and so does ", el("code", {}, "heg certificate"), " at the console. Where they differ, somebody stands between."),
    el("p", { class: "fingerprint" }, el("code", {}, shown.sha256)),
    el("p", { class: "quiet small" }, `${shown.own ? "Installed by the owner" : "Made by this gateway"}, good until ${end.toLocaleDateString()}. Addresses: ${addresses.join(", ") || shown.names.join(", ")}.`),
  ];
}
