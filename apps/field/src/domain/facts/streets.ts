// The street register of a municipality: search by the beginnings of words, as in the library's streets.py.
const MAX_NAME = 100;
const MAX_HITS = 20;
const NO_MATCH = 10_000;

/** A row of the register: a street, or its part with this postal code. */
export interface Street {
  street: string;
  postal_code: string;
  district_nr: number;
}

type Words = readonly string[];

export class StreetRegister {
  readonly country: string;
  readonly municipality: string;
  readonly #spelled: readonly { street: Street; spellings: readonly Words[] }[];

  /** `country`: ISO 3166-1 alpha-2. */
  constructor(country: string, municipality: string, streets: readonly Street[]) {
    this.country = country;
    this.municipality = municipality;
    this.#spelled = streets.map((street) => ({ street, spellings: spellings(street.street) }));
  }

  covers(country: string, municipality: string): boolean {
    const plain = (name: string) => spellings(name)[0].join(" ");
    return country === this.country && plain(municipality) === plain(this.municipality);
  }

  /** The streets of this name, in one of its spellings, in the order of the register. */
  named(name: string): Street[] {
    const wanted = new Set(spellings(name).map(unabbreviated));
    return this.#spelled
      .filter((row) => row.spellings.some((words) => wanted.has(words.join(""))))
      .map((row) => row.street);
  }

  /** At most 20 streets with the beginnings of words that were typed, best first. */
  search(typed: string): Street[] {
    const queries = spellings(typed);
    if (!queries[0].length) return [];
    return this.#spelled
      .map((row) => ({
        street: row.street,
        rank: Math.min(...row.spellings.flatMap((words) => queries.map((query) => rankOf(words, query)))),
      }))
      .filter((match) => match.rank < NO_MATCH)
      .sort((a, b) => a.rank - b.rank || byName(a.street, b.street))
      .slice(0, MAX_HITS)
      .map((match) => match.street);
  }
}

/** The words of a name in small letters a to z and digits: ü as u, and ü as ue. Empty if the name is too long. */
export function spellings(name: string): readonly [Words, Words] {
  if (Array.from(name).length > MAX_NAME) return [[], []];
  const small = name.normalize("NFC").toLowerCase().replaceAll("ß", "ss").replaceAll("str.", "strasse ");
  return [wordsOf(small), wordsOf(small.replaceAll("ä", "ae").replaceAll("ö", "oe").replaceAll("ü", "ue"))];
}

function wordsOf(small: string): Words {
  const plain = small.normalize("NFD").replaceAll(/\p{Mn}/gu, "");
  return plain.match(/[a-z0-9]+/g) ?? [];
}

function unabbreviated(words: Words): string {
  const joined = words.join("");
  return joined.endsWith("str") ? `${joined}asse` : joined;
}

/** 0 for the name itself; lower is better. The words in their order come before words anywhere. */
function rankOf(words: Words, query: Words): number {
  const typed = query.join("");
  if (words.join(" ") === query.join(" ")) return 0;
  for (let place = 0; place < words.length; place++) {
    const rest = words.slice(place);
    const last = query.length - 1;
    if (query.every((part, at) => (at < last ? rest[at] === part : rest[at]?.startsWith(part)))) return 1 + 2 * place;
    if (rest.join("").startsWith(typed)) return 2 + 2 * place;
  }
  const anywhere = query.every((part) => words.some((word) => word.startsWith(part)));
  return anywhere ? NO_MATCH - 1 : NO_MATCH;
}

function byName(a: Street, b: Street): number {
  const [first, second] = [Array.from(a.street).length, Array.from(b.street).length];
  if (first !== second) return first - second;
  if (a.street !== b.street) return a.street < b.street ? -1 : 1;
  return a.postal_code < b.postal_code ? -1 : 1;
}
