// Canonical answers as people read them, in the language of the screens.
import { AUSTRIA } from "../../domain/facts/countries.ts";
import { formatEuro } from "../../domain/fees.ts";
import { printedDay } from "../../domain/printed_content.ts";
import { currentLanguage, localized, t } from "../../i18n/texts.ts";
import type { FormFact, JsonObject, JsonValue } from "../../model/facts.ts";
import { countryName } from "./countries.ts";
import { asObject, textOf } from "./object_value.ts";
import { typedText } from "./typed_text.ts";

/** One line; several lines for a long text. Photos, signatures and groups are shown by their own components. */
export function answerText(fact: FormFact, value: JsonValue): string {
  switch (fact.kind) {
    case "yes_no":
      return typeof value === "boolean" ? t(value ? "yes" : "no") : "";
    case "choice":
      return choiceTitle(fact, value);
    case "several":
      return Array.isArray(value) ? value.map((code) => choiceTitle(fact, code)).join(", ") : "";
    case "date":
      return /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(String(value))
        ? printedDay(String(value), currentLanguage())
        : String(value ?? "");
    case "money":
      return typeof value === "number" ? formatEuro(value, currentLanguage()) : String(value ?? "");
    case "address":
      return addressText(value);
    case "person":
      return personText(asObject(value));
    case "identity_document":
      return documentText(value);
    case "nationality":
      return typeof value === "string" ? countryName(value) : "";
    case "number_plate":
      return plateText(value);
    default:
      return typedText(fact.kind, value, currentLanguage());
  }
}

/** Such as: Weitere Person 2: Ada Lovelace. */
export function rowTitle(fact: FormFact, row: JsonValue, number: number): string {
  const parts = asObject(row);
  const person = fact.facts?.find((part) => part.kind === "person");
  const named = person ? asObject(parts[person.code] ?? null) : parts;
  const name = `${textOf(named, "given_name")} ${textOf(named, "family_name")}`.trim();
  return [`${localized(fact.titles)} ${number}`, textOf(named, "given_name") && name].filter(Boolean).join(": ");
}

function choiceTitle(fact: FormFact, code: JsonValue): string {
  const titles = fact.choices?.[String(code)];
  return titles ? localized(titles) : String(code ?? "");
}

/** As on a letter: Landstraße 1/2/3, 4020 Linz. */
function addressText(value: JsonValue): string {
  const part = (key: string) => textOf(value, key);
  const house = [part("number"), part("stair"), part("door")].filter(Boolean).join("/");
  const street = [part("street"), house].filter(Boolean).join(" ");
  const place = [part("postal_code"), part("municipality")].filter(Boolean).join(" ");
  const country = part("country") === AUSTRIA ? "" : countryName(part("country"));
  const reason = part("unlisted_reason") && t("address.unlisted_because", { reason: part("unlisted_reason") });
  return [street, place, country, reason].filter(Boolean).join(", ");
}

function personText(person: JsonObject): string {
  const name = [textOf(person, "given_name"), textOf(person, "family_name")].filter(Boolean).join(" ");
  const birth = typedText("partial_date", textOf(person, "birth"), currentLanguage());
  const nationality = textOf(person, "nationality") && countryName(textOf(person, "nationality"));
  const papers = person["document"] ? documentText(person["document"]) : "";
  return [name, birth && t("person.born", { birth }), nationality, papers].filter(Boolean).join(", ");
}

function documentText(value: JsonValue): string {
  const kind = textOf(value, "kind") && t(`document.${textOf(value, "kind")}`);
  const until = textOf(value, "valid_until");
  const issuer = textOf(value, "issued_by") && countryName(textOf(value, "issued_by"));
  return [
    `${kind} ${textOf(value, "number")}`.trim(),
    issuer,
    until && t("document.until", { day: printedDay(until, currentLanguage()) }),
  ]
    .filter(Boolean)
    .join(", ");
}

function plateText(value: JsonValue): string {
  const country = textOf(value, "country");
  return country === AUSTRIA ? textOf(value, "text") : `${textOf(value, "text")} (${countryName(country)})`;
}
