// The words crews see, from files, in the language of the device. A key without words shows itself: a test finds it.
import { fact, note } from "../store/db.ts";
import { changed } from "../store/live.ts";
import type { Language, Titles } from "../stand/types.ts";
import de from "./de.json";
import en from "./en.json";

const WORDS: Record<Language, Record<string, string>> = { de, en };
let language: Language = "de";

export const spoken = (): Language => language;

export async function chooseLanguage(): Promise<void> {
  const kept = await fact<Language>("language");
  speak(kept ?? (navigator.language.startsWith("en") ? "en" : "de"));
}

export async function setLanguage(wanted: Language): Promise<void> {
  speak(wanted);
  await note("language", wanted);
  changed();
}

function speak(wanted: Language): void {
  language = wanted;
  document.documentElement.lang = wanted;
}

/** `{name}` in the text is replaced by `values.name`. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  const text = WORDS[language][key] ?? key;
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** In the language of a case: what a citizen takes home. */
export const tIn = (wanted: Language, key: string): string => WORDS[wanted][key] ?? key;

/** Why an entry is held, in conflict or refused: our own words for the code, else those of the office. */
export function reason(code: string, hint: string): string {
  return WORDS[language][`why.${code}`] ?? (hint || code);
}

export const said = (titles: Titles): string => titles[language];

export function time(ms: number): string {
  return new Intl.DateTimeFormat(language === "de" ? "de-AT" : "en-GB", { timeStyle: "short" }).format(ms);
}

export function moment(ms: number): string {
  const how = { dateStyle: "short", timeStyle: "short" } as const;
  return new Intl.DateTimeFormat(language === "de" ? "de-AT" : "en-GB", how).format(ms);
}

export function size(bytes: number): string {
  const [value, unit] = bytes < 1_000_000 ? [bytes / 1000, "kilobyte"] : bytes < 1e9 ? [bytes / 1e6, "megabyte"] : [bytes / 1e9, "gigabyte"];
  const how = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language === "de" ? "de-AT" : "en-GB", how).format(value);
}
