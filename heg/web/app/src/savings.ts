// What was saved today and this month against the same house without a battery and with plain self-consumption.

import { byId, show, text } from "./dom";
import { eur, percent, UNKNOWN } from "./format";
import type { SavedEur, Savings, State } from "./model";

const SPANS = { today: "today", this_month: "month" } as const;
const twoDigits = new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 });

export function showSavings(savings: State["savings"]): void {
  show(byId("savings-none"), savings === null);
  show(byId("savings-table"), savings !== null);
  if (savings === null) return;
  for (const [span, name] of Object.entries(SPANS) as ["today" | "this_month", string][]) {
    const books = savings[span];
    saved("none", name, books, books.saved_no_battery);
    saved("rule", name, books, books.saved_rule);
    put(`paid-${name}`, money(books, books.actual.energy_eur));
    put(`co2-${name}`, money(books, books.actual.co2_eur));
    put(`own-${name}`, books.self_consumption === null ? UNKNOWN : percent(books.self_consumption));
    put(`cycles-${name}`, twoDigits.format(books.cycles));
  }
  const lack = lacks(savings.today, savings.this_month);
  text(byId("savings-lack"), lack);
  show(byId("savings-lack"), lack !== "");
}

/** What the figures do not cover, and how to mend it; "" where they are whole. */
export function lacks(today: Savings, month: Savings): string {
  const pieces: string[] = [];
  if (month.minutes <= 0) return "";
  if (month.priced_share < 0.005) pieces.push("No prices were known, so no money can be told: name a price feed in the configuration.");
  else if (Math.min(today.priced_share, month.priced_share) < 0.995) {
    pieces.push(`Prices were known for ${percent(today.priced_share)} of today and ${percent(month.priced_share)} of the month; only that is counted.`);
  }
  if (Math.min(today.metered_share, month.metered_share) < 0.995) {
    pieces.push(`Counters were read for ${percent(today.metered_share)} of today and ${percent(month.metered_share)} of the month.`);
  }
  if (month.integrated.length > 0) pieces.push(`${month.integrated.join(", ")}: no energy counter, so measured power was summed up.`);
  return pieces.join(" ");
}

function saved(house: string, span: string, books: Savings, found: SavedEur): void {
  const place = put(`${house}-${span}`, money(books, found.eur));
  place?.classList.toggle("gain", known(books) && found.eur >= 0.005);
  put(`${house}-${span}-energy`, money(books, found.energy_eur));
  put(`${house}-${span}-co2`, money(books, found.co2_eur));
  put(`${house}-${span}-stored`, money(books, found.stored_eur));
}

function known(books: Savings): boolean {
  return books.minutes > 0 && books.priced_share > 0;
}

function money(books: Savings, value: number): string {
  return eur(known(books) ? value : null);
}

function put(name: string, value: string): Element | null {
  const place = byId("savings").querySelector(`[data-part="${name}"]`);
  if (place) text(place, value);
  return place;
}
