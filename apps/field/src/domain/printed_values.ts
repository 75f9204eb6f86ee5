// How answers are written on papers, by their kind and in the language of the paper. The office writes them in the same
// way (intake.domain.printed_values).
import type { FormFact, JsonObject, JsonValue } from "../model/facts.ts";
import type { Edition, Language, Titles } from "../model/types.ts";
import { isObject } from "./facts/definition.ts";
import { type PaperText, paperText, printedDay, printedMoney } from "./printed_content.ts";

type PrintedKind = FormFact["kind"] | "country";
interface ValueType {
  kind: PrintedKind;
  choices?: Record<string, Titles>;
}

const PART_KINDS: Record<string, PrintedKind> = {
  birth: "partial_date",
  birth_date: "date",
  valid_until: "date",
  nationality: "country",
  country: "country",
  issued_by: "country",
  document: "identity_document",
};

/** Of a reference to the applicant, a fact or a column of a group; answers of registers are not known at the stand. */
export function typeOf(edition: Edition, reference: string, group?: FormFact): ValueType {
  const [name = "", ...parts] = reference.split(".");
  if (reference === "application_day") return { kind: "date" };
  if (reference === "applicant") return { kind: "person" };
  const fact = group?.facts?.find((part) => part.code === name) ?? edition.facts.find((known) => known.code === name);
  const last = parts.at(-1);
  if (last !== undefined) return { kind: PART_KINDS[last] ?? "text" };
  return fact ? { kind: fact.kind as PrintedKind, choices: fact.choices ?? {} } : { kind: "text" };
}

/** Empty for no value, and for what no line can show, such as a signature. */
export function printedValue(value: JsonValue | undefined, type: ValueType, language: Language): string {
  if (value === undefined || value === null || value === "") return "";
  switch (type.kind) {
    case "date":
    case "partial_date":
      return printedDay(String(value), language);
    case "money":
      return typeof value === "number" ? printedMoney(value, language) : "";
    case "decimal":
      return language === "de" ? String(value).replace(".", ",") : String(value);
    case "yes_no":
      return paperText(language, value === true ? "value.yes" : "value.no");
    case "choice":
    case "country":
    case "nationality":
      return printedChoice(String(value), type, language);
    case "several":
      return Array.isArray(value) ? value.map((code) => printedChoice(String(code), type, language)).join(", ") : "";
    case "address":
      return isObject(value) ? printedAddress(value, language) : "";
    case "person":
      return isObject(value) ? [value["given_name"], value["family_name"]].filter(Boolean).join(" ") : "";
    case "number_plate":
      return isObject(value) ? printedPlate(value) : "";
    case "identity_document":
      return isObject(value) ? printedDocument(value, language) : "";
    case "group":
    case "photo":
    case "signature":
      return "";
    default:
      return String(value);
  }
}

function printedChoice(code: string, type: ValueType, language: Language): string {
  const titles = type.choices?.[code];
  return titles ? titles[language] : (fixedText(code, language) ?? countryName(code, language));
}

const fixedText = (code: string, language: Language): string | undefined =>
  paperText(language, `value.${code}` as PaperText);

function countryName(code: string, language: Language): string {
  if (!/^[A-Z]{2}$/.test(code)) return code;
  return new Intl.DisplayNames(language, { type: "region" }).of(code) ?? code;
}

/** In one line: Hauptplatz 1/2/3, 4020 Linz. Abroad with the country. */
function printedAddress(address: JsonObject, language: Language): string {
  const house = [address["number"], address["stair"], address["door"]].filter(Boolean).join("/");
  const street = [address["street"], house].filter(Boolean).join(" ");
  const town = [address["postal_code"], address["municipality"]].filter(Boolean).join(" ");
  const country = String(address["country"] ?? "AT");
  return [street, town, country === "AT" ? "" : countryName(country, language)].filter(Boolean).join(", ");
}

function printedPlate(plate: JsonObject): string {
  const country = String(plate["country"] ?? "AT");
  return `${String(plate["text"] ?? "")}${country === "AT" ? "" : ` (${country})`}`;
}

function printedDocument(value: JsonObject, language: Language): string {
  const kind = String(value["kind"]);
  return `${fixedText(kind, language) ?? kind} ${String(value["number"] ?? "")} (${String(value["issued_by"] ?? "")})`;
}
