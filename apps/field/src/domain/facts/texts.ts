// Texts: in normal form C, with single blanks, of characters that documents print. Lengths count code points.
import { isObject, type JsonObject, type JsonValue } from "./definition.ts";
import { FactFault, WRONG_TYPE } from "./fault.ts";
import { isPrintable, LIMITS } from "./tables.ts";

const MAX_LENGTH = 4000; // of any text, since the rule reads every character
const MAX_MARKS = 2; // accents on one letter
const STACKED_MARKS = /\p{M}{3}/u;
const SEPARATORS = " '’ʼ-‐.,/()`´·";
const NO_LETTERS = "ªº"; // of the Latin script, but signs

/** A text of one line; empty if it has only blanks. */
export function checkLine(value: JsonValue, maxLength: number): string | FactFault {
  if (typeof value !== "string") return WRONG_TYPE;
  const tooLong = new FactFault("text.too_long", "", { max: maxLength });
  if (lengthOf(value) > MAX_LENGTH) return tooLong;
  const line = cleanLine(value)
    .split(" ")
    .filter((part) => part)
    .join(" ");
  const fault = characterFault(line);
  if (fault) return fault;
  return lengthOf(line) > maxLength ? tooLong : line;
}

/** A text of several lines, joined by line feeds. Empty lines at both ends go; the place of a fault is its line. */
export function checkLongText(value: JsonValue, maxLength: number): string | FactFault {
  if (typeof value !== "string") return WRONG_TYPE;
  const tooLong = new FactFault("text.too_long", "", { max: maxLength });
  if (lengthOf(value) > MAX_LENGTH) return tooLong;
  const lines: string[] = [];
  for (const [index, typed] of value.replaceAll(/\r\n?/g, "\n").replaceAll("\t", " ").split("\n").entries()) {
    const line = checkLine(typed, maxLength);
    if (line instanceof FactFault) return line.inside(index + 1);
    lines.push(line);
  }
  const text = lines.join("\n").replaceAll(/^\n+|\n+$/g, "");
  if (text.split("\n").length > LIMITS.lines) return new FactFault("text.too_many_lines", "", { max: LIMITS.lines });
  return lengthOf(text) > maxLength ? tooLong : text;
}

/** A name in Latin letters. */
export function checkName(value: JsonValue): string | FactFault {
  const name = checkLine(value, LIMITS.name);
  if (name instanceof FactFault) return name;
  return isLatin(name) ? name : new FactFault("text.not_latin");
}

/** A short text that a rule reads on: a number, a date, a code. */
export function checkTyped(value: JsonValue): string | FactFault {
  return checkLine(value, LIMITS.typed);
}

/** Whether the citizen gave no answer. */
export function isBlank(value: JsonValue): boolean {
  return value === null || (typeof value === "string" && /^[ \t\r\n]*$/.test(value));
}

export function unknownKey(value: JsonObject, keys: readonly string[]): FactFault | null {
  return Object.keys(value).every((key) => keys.includes(key)) ? null : new FactFault("fact.unknown_part");
}

/** The object with known keys alone, or its fault. */
export function checkKeys(value: JsonValue, keys: readonly string[]): JsonObject | FactFault {
  if (!isObject(value)) return WRONG_TYPE;
  return unknownKey(value, keys) ?? value;
}

/** Small letters a to z and umlauts as capitals. Other letters stay: the capital of ı would be I. */
export function capitals(text: string): string {
  return text.replaceAll(/[a-zäöü]/g, (letter) => letter.toUpperCase());
}

/** Latin letters with diacritics, as registers and documents accept them (DIN 91379); any ASCII. */
export function isLatin(name: string): boolean {
  if (Array.from(name).every((char) => char.codePointAt(0)! < 0x80)) return true;
  return Array.from(name.normalize("NFC")).every(isLatinCharacter);
}

function isLatinCharacter(char: string): boolean {
  const code = char.codePointAt(0)!;
  if (SEPARATORS.includes(char) || (code >= 0x300 && code < 0x370)) return true;
  const inBlocks = (code >= 0x41 && code < 0x2b0) || (code >= 0x1e00 && code < 0x1f00);
  return inBlocks && /^\p{Script=Latin}$/u.test(char) && !NO_LETTERS.includes(char);
}

function lengthOf(text: string): number {
  return text.length > 2 * MAX_LENGTH ? text.length : Array.from(text).length;
}

function cleanLine(text: string): string {
  // to normalise a long stack of accents takes quadratic time; it is refused anyway
  const normal = STACKED_MARKS.test(text) ? text : text.replaceAll(/\p{Zs}/gu, " ").normalize("NFC");
  return normal.replaceAll(/^ +| +$/g, "");
}

function characterFault(line: string): FactFault | null {
  const codes = Array.from(line, (char) => char.codePointAt(0)!);
  const at = codes.findIndex((code) => !isPrintable(code));
  if (at >= 0) {
    const character = `U+${codes[at]!.toString(16).toUpperCase().padStart(4, "0")}`;
    return new FactFault("text.character", "", { position: at + 1, character });
  }
  if (STACKED_MARKS.test(line)) return new FactFault("text.accents", "", { max: MAX_MARKS });
  return /^\p{M}/u.test(line) ? new FactFault("text.accent_first") : null;
}
