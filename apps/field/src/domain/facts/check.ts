// The rule of each kind: from a typed value to its canonical value, or to the first fault in it. The library
// service-catalogue has the same rules in Python (facts/check.py); tests run both over the same cases.
import { checkAddress } from "./addresses.ts";
import { checkAttachment } from "./attachment_references.ts";
import { checkChipNumber } from "./chip_numbers.ts";
import { checkChoice, checkSeveral, checkYesNo } from "./choices.ts";
import { checkEmail, checkIban, checkTelephone } from "./contacts.ts";
import { checkDate, checkPartialDate } from "./dates.ts";
import { type FormFact, isObject, type JsonObject, type JsonValue, type PlainKind, partOf } from "./definition.ts";
import { FactFault, MISSING, WRONG_TYPE } from "./fault.ts";
import { checkNumberPlate } from "./number_plates.ts";
import { checkDecimal, checkInteger, checkMoney } from "./numbers.ts";
import { checkIdentityDocument, checkNationality, checkPerson } from "./people.ts";
import type { StreetRegister } from "./streets.ts";
import { LIMITS } from "./tables.ts";
import { checkLine, checkLongText, isBlank, unknownKey } from "./texts.ts";

/** Kinds whose rule depends on nothing in the definition. */
const PLAIN_CHECKS: Readonly<Record<PlainKind, (value: JsonValue) => JsonValue | FactFault>> = {
  date: checkDate,
  partial_date: checkPartialDate,
  yes_no: checkYesNo,
  telephone: checkTelephone,
  email: checkEmail,
  iban: checkIban,
  person: checkPerson,
  nationality: checkNationality,
  identity_document: checkIdentityDocument,
  number_plate: checkNumberPlate,
  chip_number: checkChipNumber,
};

/** The canonical value, or null if there is no answer and none is needed. `streets`: of the authority's municipality. */
export function checkFact(
  fact: FormFact,
  value: JsonValue,
  streets: StreetRegister | null = null,
): JsonValue | FactFault {
  const canonical = isBlank(value) ? null : checkKind(fact, value, streets);
  if (canonical === null || canonical === "" || (Array.isArray(canonical) && !canonical.length))
    return isRequired(fact) ? MISSING : null;
  return canonical;
}

function checkKind(fact: FormFact, value: JsonValue, streets: StreetRegister | null): JsonValue | FactFault {
  switch (fact.kind) {
    case "text":
      return checkLine(value, fact.max_length ?? LIMITS.text.usual);
    case "long_text":
      return checkLongText(value, fact.max_length ?? LIMITS.long_text.usual);
    case "integer":
      return checkInteger(value, fact.min, fact.max);
    case "decimal":
      return checkDecimal(value, fact.min, fact.max, fact.places);
    case "money":
      return checkMoney(value, fact.min, fact.max);
    case "choice":
      return checkChoice(value, Object.keys(fact.choices ?? {}));
    case "several":
      return checkSeveral(value, Object.keys(fact.choices ?? {}));
    case "address":
      return checkAddress(value, streets);
    case "photo":
    case "signature":
      return checkAttachment(value, fact.kind);
    case "group":
      return checkGroup(fact, value, streets);
    default:
      return PLAIN_CHECKS[fact.kind](value);
  }
}

/** How many rows a group has, at least and at most. */
export function rowBounds(fact: FormFact): { fewest: number; most: number } {
  return { fewest: fact.min_rows ?? Number(isRequired(fact)), most: fact.max_rows ?? LIMITS.rows.usual };
}

export function rowCountFault(fact: FormFact, count: number): FactFault | null {
  const { fewest, most } = rowBounds(fact);
  if (count > most) return new FactFault("group.too_many_rows", "", { max: most });
  return count < fewest ? new FactFault("group.too_few_rows", "", { min: fewest }) : null;
}

/** Each row is an object of answers by code; the place of a fault begins with the number of its row. */
function checkGroup(fact: FormFact, value: JsonValue, streets: StreetRegister | null): JsonObject[] | FactFault {
  if (!Array.isArray(value)) return WRONG_TYPE;
  const fault = rowCountFault(fact, value.length);
  if (fault) return fault;
  const rows: JsonObject[] = [];
  for (const [index, typed] of value.entries()) {
    const row = checkRow(fact.facts ?? [], typed, streets);
    if (row instanceof FactFault) return row.inside(index + 1);
    rows.push(row);
  }
  return rows;
}

function checkRow(
  facts: readonly FormFact[],
  typed: JsonValue,
  streets: StreetRegister | null,
): JsonObject | FactFault {
  if (!isObject(typed)) return WRONG_TYPE;
  const codes = facts.map((fact) => fact.code);
  const unknown = unknownKey(typed, codes);
  if (unknown) return unknown;
  if (Object.values(typed).every(isBlank)) return new FactFault("group.empty_row");
  const row: JsonObject = {};
  for (const fact of facts) {
    const canonical = checkFact(fact, partOf(typed, fact.code), streets);
    if (canonical instanceof FactFault) return canonical.inside(fact.code);
    if (canonical !== null) row[fact.code] = canonical;
  }
  return Object.keys(row).length ? row : new FactFault("group.empty_row");
}

export function isRequired(fact: FormFact): boolean {
  return fact.required ?? true;
}
