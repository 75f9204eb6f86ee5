// The tables and texts of the rules: the files of the library service-catalogue, packed into the app.
import texts from "../../../../../libs/service-catalogue/src/service_catalogue/facts/fault_texts.json" with {
  type: "json",
};
import printable from "../../../../../libs/service-catalogue/src/service_catalogue/facts/printable_characters.json" with {
  type: "json",
};
import tables from "../../../../../libs/service-catalogue/src/service_catalogue/facts/tables.json" with {
  type: "json",
};
import type { Language } from "../../model/types.ts";

export const LIMITS = tables.limits;
export const COUNTRIES: ReadonlyMap<string, string> = new Map(Object.entries(tables.countries));
export const NUMERIC_COUNTRIES: ReadonlySet<string> = new Set([...COUNTRIES.values()].filter(Boolean));
export const CALLING_CODES: ReadonlySet<string> = new Set(tables.calling_codes);
export const IBAN_LENGTHS: ReadonlyMap<string, number> = new Map(Object.entries(tables.iban_lengths));
export const DISTRICTS: ReadonlySet<string> = new Set(tables.plate_authorities.districts);
/** Authorities whose plates may have digits alone. */
export const OFFICIAL: ReadonlySet<string> = new Set(tables.plate_authorities.official);
export const DOCUMENT_KINDS: readonly string[] = tables.document_kinds;
export const WITHOUT_NATIONALITY: readonly string[] = tables.without_nationality;
export const FAULT_TEXTS: ReadonlyMap<string, Record<Language, string>> = new Map(Object.entries(texts));

/** Whether the fonts of the documents have the character. `code`: its code point. */
export function isPrintable(code: number): boolean {
  return printable.some(([first, last]) => first! <= code && code <= last!);
}
