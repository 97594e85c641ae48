// How long a password would stand, as somebody finds it who guesses as people choose: words, names, rows of keys, years
// and repetitions first. An estimate from above: whoever knows its person guesses better. Pure.

/** As heg/web/accounts/passwords.py asks: length is what counts. */
export const SHORTEST = 10;
const DIFFERENT = 5;
/** Guesses a second of somebody who has stolen the memory card: argon2id with 46 MiB on a handful of large graphics cards. */
const GUESSES = 10_000;

const WORDS = (
  "password passwort passwd admin administrator root user login welcome changeme letmein secret master hello iloveyou love sunshine princess monkey dragon football baseball shadow superman batman " +
  "qwerty qwertz azerty asdf abc test guest default access internet computer samsung google apple raspberry raspberrypi homeassistant home house haus casa maison energy energie solar battery power strom gateway " +
  "heg summer winter spring autumn sommer monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october november december " +
  "michael thomas daniel andrea anna maria peter martin alex charlie jordan michelle jessica ashley nicole francesco giulia luca marco sofia emma lucas family king angel flower freedom whatever trustno ninja " +
  "mustang harley ginger pepper cheese cookie coffee summer orange purple yellow green black silver golden lovely forever starwars pokemon matrix hunter killer soccer hockey tennis chelsea arsenal liverpool"
).split(" ");
const ROWS = ["abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "azertyuiop", "1qaz2wsx3edc4rfv", "1q2w3e4r5t6z"];
const LEET: Record<string, string> = { "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "@": "a", $: "s", "!": "i" };

export interface Strength {
  /** 0 not taken, 1 easily guessed, 2 stands at the door, 3 good, 4 strong. */
  level: 0 | 1 | 2 | 3 | 4;
  /** What the gateway would refuse, or an empty text. */
  lack: string;
  words: string;
}

export function strength(password: string, name = ""): Strength {
  const lack = lacking(password, name);
  if (lack) return { level: 0, lack, words: lack };
  const { bits, weak } = estimate(password, name);
  const seconds = 2 ** (bits - 1) / GUESSES;
  const stands = `Somebody who stole the memory card would need ${span(seconds)}.`;
  const because = weak ? ` It holds ${weak}.` : "";
  if (seconds < 86_400) return { level: 1, lack, words: `Easily guessed.${because} ${stands}` };
  if (seconds < 31_557_600) return { level: 2, lack, words: `Enough at the door, where guesses must wait.${because} ${stands}` };
  if (seconds < 100 * 31_557_600) return { level: 3, lack, words: `Good. ${stands}` };
  return { level: 4, lack, words: `Strong. ${stands}` };
}

function lacking(password: string, name: string): string {
  const length = [...password.normalize("NFC")].length;
  if (length < SHORTEST) return `${length === 0 ? SHORTEST : SHORTEST - length} ${length === 0 ? "" : "more "}character${SHORTEST - length === 1 ? "" : "s"} at least.`;
  if (length > 256) return "At most 256 characters.";
  const plain = password.normalize("NFC").toLowerCase();
  if (new Set(plain).size < DIFFERENT) return `At least ${DIFFERENT} different characters.`;
  const stem = plain.replace(/^[0-9!._\- ]+|[0-9!._\- ]+$/g, "");
  if (stem === "" && /^\d+$/.test(plain) && ROWS.some((row) => row.includes(plain.slice(0, 10)))) return "Not the first one that others would try.";
  if (["password", "heg", name.trim().toLowerCase()].includes(stem) && stem) return "Not the first one that others would try.";
  return "";
}

/** Bits of guessing, and what made them few. */
export function estimate(password: string, name = ""): { bits: number; weak: string } {
  const raw = password.normalize("NFC");
  const plain = raw.toLowerCase();
  const spoken = [...plain].map((one) => LEET[one] ?? one).join("");
  const known = [name.trim().toLowerCase(), ...WORDS].filter((word) => word.length >= 3);
  const found = new Set<string>();
  let bits = 0;
  for (let at = 0; at < plain.length; ) {
    const [length, cost, what] = piece(plain, spoken, at, known);
    const capitals = raw.slice(at, at + length).replace(/[^\p{Lu}]/gu, "").length;
    bits += cost + (capitals === 0 ? 0 : capitals === 1 ? 1 : Math.min(capitals + 1, length));
    if (what) found.add(what);
    at += length;
  }
  return { bits, weak: [...found].join(" and ") };
}

type Piece = [length: number, bits: number, weak: string];

function piece(plain: string, spoken: string, at: number, known: string[]): Piece {
  const rest = plain.slice(at);
  const again = repeated(plain, at);
  if (again > 0) return [again, 2, "a repetition"];
  const same = /^(.)\1{2,}/su.exec(rest)?.[0];
  if (same) return [same.length, 5 + Math.log2(same.length), "a repetition"];
  const word = known.filter((one) => spoken.startsWith(one, at)).sort((a, b) => b.length - a.length)[0];
  const row = inRow(rest);
  if (word && word.length >= row) return [word.length, 9 + (rest.startsWith(word) ? 0 : 1), "a word that many choose"];
  if (row >= 3) return [row, 5 + Math.log2(row), "a row of keys"];
  const year = /^(19|20)\d\d/.exec(rest)?.[0];
  if (year) return [4, 6, "a year"];
  const letters = /^\p{L}+/u.exec(rest)?.[0] ?? "";
  const twice = /^(.{3,}?)\1/su.exec(rest)?.[1]?.length ?? letters.length;
  const until = Math.min(twice, next(spoken, at, letters.length, known));
  const run = letters.slice(0, until);
  if (run.length >= 3) return [run.length, Math.max(run.length * (speakable(run) ? 2.6 : 4.5), 7), ""];
  if (run.length > 0) return [run.length, run.length * 4.5, ""];
  return [1, /\d/.test(rest) ? 3.3 : / |-|_|\./.test(rest.charAt(0)) ? 2 : 4.5, ""];
}

/** How far a run of letters goes before a known word begins in it. */
function next(spoken: string, at: number, length: number, known: string[]): number {
  for (let one = 1; one < length; one++) {
    if (known.some((word) => word.length >= 4 && spoken.startsWith(word, at + one))) return one;
  }
  return length;
}

function repeated(plain: string, at: number): number {
  for (let length = Math.min(at, plain.length - at); length >= 2; length--) {
    const part = plain.slice(at, at + length);
    if (plain.slice(0, at).includes(part) && length >= 3) return length;
    if (length === 2 && plain.slice(at - 2, at) === part) return 2;
  }
  return 0;
}

function inRow(rest: string): number {
  let longest = 0;
  for (const row of ROWS) {
    for (const way of [row, [...row].reverse().join("")]) {
      let length = 0;
      while (length < rest.length && way.includes(rest.slice(0, length + 1))) length++;
      longest = Math.max(longest, length);
    }
  }
  return longest;
}

/** Letters that read like words are guessed as words. */
function speakable(letters: string): boolean {
  const vowels = letters.replace(/[^aeiouyäöüàèéìòù]/g, "").length / letters.length;
  return vowels >= 0.2 && vowels <= 0.7 && !/[^aeiouyäöüàèéìòù]{5}/.test(letters);
}

function span(seconds: number): string {
  const steps: [number, string][] = [[60, "seconds"], [3600, "minutes"], [86_400, "hours"], [31_557_600, "days"]];
  if (seconds < 1) return "no time at all";
  for (const [index, [end, unit]] of steps.entries()) {
    if (seconds < end) return `about ${round(seconds / [1, 60, 3600, 86_400][index]!)} ${unit}`;
  }
  const years = seconds / 31_557_600;
  return years >= 1e6 ? "millions of years" : `about ${round(years)} years`;
}

/** One digit is all that such an estimate is worth. */
function round(value: number): string {
  const power = 10 ** Math.floor(Math.log10(Math.max(1, value)));
  return (Math.round(value / power) * power).toLocaleString("en");
}
