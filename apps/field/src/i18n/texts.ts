// The texts that crews see, from one JSON file per language. A missing key is shown as it is; a test finds it.
// This module knows no storage: the caller passes the language of the device to `setLanguage`.
import type { Language, Titles } from "../model/types.ts";
import de from "./de.json";
import en from "./en.json";

const TEXTS: Record<Language, Record<string, string>> = { de, en };
let language: Language = "de";

export const currentLanguage = (): Language => language;

/** The language for a locale such as "en-GB"; German unless it is English. */
export const languageOf = (locale: string): Language => (locale.startsWith("en") ? "en" : "de");

export function setLanguage(wanted: Language): void {
  language = wanted;
  document.documentElement.lang = wanted;
}

/** `{name}` in the text is replaced by `values.name`. */
export function t(key: string, values: Record<string, string | number> = {}): string {
  return tIn(language, key, values);
}

/** In the language of a case, for documents that a citizen takes home. */
export function tIn(language: Language, key: string, values: Record<string, string | number> = {}): string {
  const text = TEXTS[language][key] ?? key;
  return text.replaceAll(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** The reason why an entry is held, in conflict or refused: our text for the code, otherwise the office's hint. */
export function reasonText(code: string, hint: string): string {
  return TEXTS[language][`why.${code}`] ?? (hint || code);
}

export const localized = (titles: Titles): string => titles[language];

export function formatTime(ms: number): string {
  return new Intl.DateTimeFormat(language === "de" ? "de-AT" : "en-GB", { timeStyle: "short" }).format(ms);
}

export function formatDateTime(ms: number): string {
  const format = { dateStyle: "short", timeStyle: "short" } as const;
  return new Intl.DateTimeFormat(language === "de" ? "de-AT" : "en-GB", format).format(ms);
}

export function formatSize(bytes: number): string {
  const [value, unit] =
    bytes < 1_000_000
      ? [bytes / 1000, "kilobyte"]
      : bytes < 1e9
        ? [bytes / 1e6, "megabyte"]
        : [bytes / 1e9, "gigabyte"];
  const format = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language === "de" ? "de-AT" : "en-GB", format).format(value);
}
