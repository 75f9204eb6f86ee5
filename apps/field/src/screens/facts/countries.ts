// Countries by their names in the language of the screens, and the search among them.
import { spellings } from "../../domain/facts/streets.ts";
import { COUNTRIES, WITHOUT_NATIONALITY } from "../../domain/facts/tables.ts";
import { currentLanguage, t } from "../../i18n/texts.ts";
import type { Language } from "../../model/types.ts";
import type { Hit } from "./search_field.tsx";

const MAX_HITS = 8;
const names = new Map<Language, Map<string, string>>();

/** The browser knows the names; a code without a name stands for itself. */
function namesIn(language: Language): Map<string, string> {
  let known = names.get(language);
  if (!known) {
    const regions = new Intl.DisplayNames(language, { type: "region" });
    known = new Map([...COUNTRIES.keys()].map((code) => [code, regions.of(code) ?? code]));
    names.set(language, known);
  }
  return known;
}

/** Of a country, or of a reason for no nationality. What is no code stays as it was typed. */
export function countryName(code: string, language: Language = currentLanguage()): string {
  if (WITHOUT_NATIONALITY.includes(code)) return t(`nationality.${code}`);
  return namesIn(language).get(code) ?? code;
}

/** Austria first, then by the beginnings of words; a code of two letters finds its country. */
export function searchCountries(typed: string, withoutNationality: boolean): Hit[] {
  const query = spellings(typed)[0].join("");
  const extra: [string, string][] = withoutNationality
    ? WITHOUT_NATIONALITY.map((code) => [code, t(`nationality.${code}`)])
    : [];
  const found = [...namesIn(currentLanguage()), ...extra]
    .map(([key, label]) => ({ key, label, rank: rankOf(key, label, query) }))
    .filter((hit) => hit.rank < 3);
  const atFirst = (key: string) => Number(key !== "AT");
  found.sort((a, b) => a.rank - b.rank || atFirst(a.key) - atFirst(b.key) || a.label.localeCompare(b.label));
  return found.slice(0, MAX_HITS).map(({ key, label }) => ({ key, label }));
}

/** The country that was typed in full, or the only one that fits. */
export function countryOf(typed: string, withoutNationality: boolean): string | undefined {
  const hits = searchCountries(typed, withoutNationality);
  const query = spellings(typed)[0].join("");
  const named = hits.find((hit) => spellings(hit.label)[0].join("") === query);
  return named?.key ?? (query.length > 2 && hits.length === 1 ? hits[0]!.key : undefined);
}

function rankOf(code: string, name: string, query: string): number {
  if (!query || code.toLowerCase() === query) return 0;
  return Math.min(
    ...spellings(name).map((words) => {
      if (words.join("").startsWith(query)) return 1;
      return words.some((word) => word.startsWith(query)) ? 2 : 3;
    }),
  );
}
