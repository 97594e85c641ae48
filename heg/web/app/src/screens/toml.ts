// Where in a text a key stands, as faults name it: `[battery] capacity_kwh`, `[web]`, `line 7`. Pure.

/** The line (from 0) that a fault is about; null where none can be named. */
export function lineOf(text: string, where: string): number | null {
  const numbered = /line (\d+)/.exec(where);
  if (numbered) return Number(numbered[1]) - 1;
  const lines = text.split("\n");
  const [, section, key] = /^(?:\[(.*?)\])?\s*([\w"'.-]*)/.exec(where.trim()) ?? [];
  const from = section === undefined ? -1 : lines.findIndex((line) => header(line) === plain(section));
  if (section !== undefined && from < 0) return null;
  if (!key) return from < 0 ? null : from;
  for (let at = from + 1; at < lines.length; at++) {
    const line = lines[at] ?? "";
    if (header(line) !== null) break;
    if (plain(line.split("=")[0] ?? "") === plain(key) && line.includes("=")) return at;
  }
  return from < 0 ? null : from; // the key is missing: its section is the place
}

function header(line: string): string | null {
  const found = /^\s*\[{1,2}([^\][#]+)\]{1,2}\s*(#.*)?$/.exec(line);
  return found ? plain(found[1] ?? "") : null;
}

function plain(name: string): string {
  return name.replace(/["'\s]/g, "");
}

/** Where a line begins and ends in a text. */
export function spanOf(text: string, line: number): [start: number, end: number] {
  const lines = text.split("\n");
  const start = lines.slice(0, line).reduce((sum, one) => sum + one.length + 1, 0);
  return [start, start + (lines[line]?.length ?? 0)];
}
