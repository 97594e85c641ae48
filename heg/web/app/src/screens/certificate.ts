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

/** Folded: who is at the door looks into it when their browser warns. Hidden where the home network is not let in. */
export function certificate(): HTMLElement {
  const place = el("details", { class: "card certificate", hidden: true }, el("summary", {}, "Is it really this gateway?"));
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
  if (trouble) return [el("p", { class: "fault" }, `${trouble}.`.replace("..", ".")), el("p", { class: "quiet" }, mend)];
  if (shown === null) return [];
  const end = new Date(shown.end_utc);
  return [
    el("p", {}, "Compare the SHA-256 fingerprint that your browser shows of the certificate with what ", el("code", {}, "sudo heg fingerprint"), " prints at the console. All of it is the same: nobody stands between."),
    el("p", { class: "fingerprint" }, el("code", {}, ...pairs(shown.sha256))),
    el("p", { class: "quiet small" }, `This line alone proves nothing: whoever stood between could write it, too. ${shown.own ? "Installed by the owner" : "Made by this gateway"}, good until ${end.toLocaleDateString()}; addresses: ${addresses.join(", ") || shown.names.join(", ")}.`),
  ];
}

/** Broken between two bytes where a line ends, never within one. */
function pairs(fingerprint: string): (string | HTMLElement)[] {
  return fingerprint.split(":").flatMap((pair, index) => (index === 0 ? [pair] : [":", el("wbr"), pair]));
}
