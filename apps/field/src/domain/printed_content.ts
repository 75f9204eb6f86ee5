// What a paper says: the same structure at the stand and at the office, and the hash that a stamp holds of it.
// The counterpart of intake.domain.printed_content; both run services/intake/tests/cases/printed_content.json.
import texts from "../../../../libs/service-catalogue/src/service_catalogue/paper_texts.json" with { type: "json" };
import type { IssuedDocument, Language, PrintedContent } from "../model/types.ts";
import { type Bytes, encodeUtf8 } from "../platform/bytes.ts";

export type PaperText = keyof typeof texts.de;

/** The fixed texts of papers are those of the office: one file for both. */
export const paperText = (language: Language, key: PaperText): string => texts[language][key];

const EMPTY: PrintedContent = {
  kind: "",
  title: "",
  number: "",
  file_number: "",
  authority: "",
  place: "",
  issued_on: "",
  valid_until: "",
  officer: "",
  intro: "",
  rows: [],
  tables: [],
  law: "",
  fee: "",
  reasons: "",
  remedies: "",
  notes: [],
  main: "",
};

/** With empty texts and lists for absent parts, and nothing else. */
export function printedContent(parts: Partial<PrintedContent>): PrintedContent {
  const known = Object.keys(EMPTY) as (keyof PrintedContent)[];
  return Object.fromEntries(known.map((key) => [key, parts[key] ?? EMPTY[key]])) as unknown as PrintedContent;
}

/** Of a document that an earlier release issued, too. */
export function contentOf(issued: IssuedDocument, language: Language): PrintedContent {
  const { printed } = issued;
  if (isContent(printed)) return printedContent(printed);
  const labels = ["family_name", "given_name"] as const;
  const rows = labels.map((name): [string, string] => [paperText(language, `content.${name}`), printed[name] ?? ""]);
  rows.push([paperText(language, "content.birth"), printed["birth_date"] ?? ""]);
  const { title = "", place = "", issued_on = "", valid_until = "" } = printed;
  return printedContent({ title, place, issued_on, valid_until, number: issued.number, rows });
}

const isContent = (printed: IssuedDocument["printed"]): printed is PrintedContent => "rows" in printed;

/** SHA-256 over JSON with sorted keys and without spaces, its texts in normal form C. */
export async function contentHash(content: PrintedContent): Promise<Bytes> {
  const digest = await crypto.subtle.digest("SHA-256", encodeUtf8(JSON.stringify(canonical(content))));
  return new Uint8Array(digest);
}

function canonical(value: unknown): unknown {
  if (typeof value === "string") return value.replaceAll(/\p{Surrogate}/gu, "\ufffd").normalize("NFC");
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, part]) => [key, canonical(part)] as const);
  return Object.fromEntries(entries.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** Such as "Familienname: Muster; Geboren: 04.05.1980". Rows without a value are left out. */
export function mainFacts(rows: [string, string][]): string {
  return rows
    .filter(([, value]) => value)
    .map(([label, value]) => `${label}: ${value}`)
    .join("; ");
}

const MONTHS: Record<Language, string[]> = {
  de: "Jänner Februar März April Mai Juni Juli August September Oktober November Dezember".split(" "),
  en: "January February March April May June July August September October November December".split(" "),
};

/** `day`: as precise as known, 1950, 1950-05 or 1950-05-04. Printed as 04.05.1950 or 4 May 1950. */
export function printedDay(day: string, language: Language): string {
  const [year = "", month, date] = day.split("-");
  if (!month) return year;
  const name = MONTHS[language][Number(month) - 1];
  if (!date) return `${name} ${year}`;
  return language === "de" ? `${date}.${month}.${year}` : `${Number(date)} ${name} ${year}`;
}

/** Such as "€ 1.234,50" or "€1,234.50". */
export function printedMoney(cents: number, language: Language): string {
  const [comma, point, sign] = language === "de" ? [".", ",", "€ "] : [",", ".", "€"];
  const [whole = "", part = ""] = (Math.abs(cents) / 100).toFixed(2).split(".");
  const grouped = whole.replaceAll(/\B(?=(\d{3})+$)/g, comma);
  return `${sign}${cents < 0 ? "-" : ""}${grouped}${point}${part}`;
}
