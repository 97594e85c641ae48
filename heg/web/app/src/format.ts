// Numbers with their units and house time in the house's own zone. Units are always shown.

export const UNKNOWN = "–";

const one = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const two = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
const upToThree = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
const three = new Intl.NumberFormat(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3 });
const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });

export function kw(value: number | null): string {
  if (value === null) return `${UNKNOWN}\u00a0kW`;
  const rounded = Math.abs(value) < 0.005 ? 0 : value;
  return `${Math.abs(rounded) >= 10 ? one.format(rounded) : two.format(rounded)}\u00a0kW`;
}

export function kwh(value: number | null): string {
  return value === null ? `${UNKNOWN}\u00a0kWh` : `${one.format(value)}\u00a0kWh`;
}

export function percent(share: number | null): string {
  return share === null ? `${UNKNOWN}\u00a0%` : `${whole.format(share * 100)}\u00a0%`;
}

/** A price; three digits, because a tenth of a cent decides. Never a minus before a zero. */
export function price(value: number | null): string {
  return value === null ? `${UNKNOWN}\u00a0EUR/kWh` : `${three.format(unsigned(value, 0.0005))}\u00a0EUR/kWh`;
}

/** Money: cents below a hundred, whole euros above. */
export function eur(value: number | null): string {
  if (value === null) return `${UNKNOWN}\u00a0EUR`;
  const shown = unsigned(value, 0.005);
  return `${(Math.abs(shown) >= 100 ? whole : two).format(shown)}\u00a0EUR`;
}

function unsigned(value: number, least: number): number {
  return Math.abs(value) < least ? 0 : value;
}

export function number(value: number): string {
  return upToThree.format(value);
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${whole.format(seconds)} s`;
  if (seconds < 90 * 60) return `${whole.format(seconds / 60)} min`;
  return `${whole.format(seconds / 3600)} h`;
}

export function ago(seconds: number | null): string {
  if (seconds === null) return "nothing yet";
  return seconds < 2 ? "now" : `${duration(seconds)} ago`;
}

/** House time as people of the house read it; the browser's own zone where the unit names none that is known. */
export class HouseClock {
  private readonly clock: Intl.DateTimeFormat;
  private readonly date: Intl.DateTimeFormat;
  private readonly key: Intl.DateTimeFormat;
  readonly zone: string;

  /** `asked` is the zone the unit names. */
  constructor(readonly asked: string) {
    this.zone = known(asked) ? asked : Intl.DateTimeFormat().resolvedOptions().timeZone;
    const timeZone = this.zone;
    this.clock = new Intl.DateTimeFormat(undefined, { timeZone, hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    this.date = new Intl.DateTimeFormat(undefined, { timeZone, weekday: "short", day: "numeric", month: "short" });
    this.key = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  }

  time(utc: Date): string {
    return this.clock.format(utc);
  }

  day(utc: Date): string {
    return this.date.format(utc);
  }

  /** A time near another: with its day where that differs. */
  near(utc: Date, now: Date): string {
    return this.dayKey(utc) === this.dayKey(now) ? this.time(utc) : `${this.time(utc)}, ${this.day(utc)}`;
  }

  /** Local date as a text that sorts like time. */
  dayKey(utc: Date): string {
    return this.key.format(utc);
  }
}

function known(zone: string): boolean {
  try {
    new Intl.DateTimeFormat(undefined, { timeZone: zone });
    return zone !== "";
  } catch {
    return false;
  }
}
