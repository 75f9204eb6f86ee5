// People and their identity documents.
import { checkChoice } from "./choices.ts";
import { checkCountry } from "./countries.ts";
import { checkDate, checkPartialDate } from "./dates.ts";
import { type JsonObject, type JsonValue, partOf } from "./definition.ts";
import { FactFault, MISSING } from "./fault.ts";
import { DOCUMENT_KINDS, WITHOUT_NATIONALITY } from "./tables.ts";
import { capitals, checkKeys, checkName, checkTyped, isBlank } from "./texts.ts";

interface PartRule {
  key: string;
  check: (value: JsonValue) => JsonValue | FactFault;
  required: boolean;
}

const DOCUMENT_RULES: readonly PartRule[] = [
  { key: "kind", check: (value) => checkChoice(value, DOCUMENT_KINDS), required: true },
  { key: "number", check: checkDocumentNumber, required: true },
  { key: "issued_by", check: checkCountry, required: true },
  { key: "valid_until", check: checkDate, required: false },
];
const PERSON_RULES: readonly PartRule[] = [
  { key: "family_name", check: checkName, required: true },
  { key: "given_name", check: checkName, required: false },
  { key: "birth", check: checkPartialDate, required: true },
  { key: "nationality", check: checkNationality, required: true },
  { key: "document", check: checkIdentityDocument, required: false },
];

/** Who has one name has it as family name, as passports do. */
export function checkPerson(value: JsonValue): JsonObject | FactFault {
  const person = checkKeys(value, keysOf(PERSON_RULES));
  if (person instanceof FactFault) return person;
  if (isBlank(partOf(person, "family_name")) && !isBlank(partOf(person, "given_name")))
    return new FactFault("person.single_name", "family_name");
  return checkParts(person, PERSON_RULES);
}

/** Without `valid_until` it is valid without end. */
export function checkIdentityDocument(value: JsonValue): JsonObject | FactFault {
  const document = checkKeys(value, keysOf(DOCUMENT_RULES));
  return document instanceof FactFault ? document : checkParts(document, DOCUMENT_RULES);
}

/** A country, or why there is none: stateless, unclear. */
export function checkNationality(value: JsonValue): string | FactFault {
  return typeof value === "string" && WITHOUT_NATIONALITY.includes(value) ? value : checkCountry(value);
}

function checkDocumentNumber(value: JsonValue): string | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const number = capitals(text).replaceAll(" ", "");
  return /^(?=.*[A-Z0-9])[A-Z0-9./-]{1,30}$/.test(number) ? number : new FactFault("identity_document.number");
}

function checkParts(value: JsonObject, rules: readonly PartRule[]): JsonObject | FactFault {
  const parts: JsonObject = {};
  for (const { key, check, required } of rules) {
    const typed = partOf(value, key);
    const part = isBlank(typed) ? "" : check(typed);
    if (part instanceof FactFault) return part.inside(key);
    if (part !== "") parts[key] = part;
    else if (required) return MISSING.inside(key);
  }
  return parts;
}

function keysOf(rules: readonly PartRule[]): string[] {
  return rules.map((rule) => rule.key);
}
