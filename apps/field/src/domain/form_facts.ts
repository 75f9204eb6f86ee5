// The answers of a form: which questions are asked, their canonical values, and the faults of what was typed.
// Invariants: a question whose condition does not hold has no answer; a fault is named by its path, such as
// family.2.person.birth, with the numbers of rows from 1.
import type { FormFact, JsonObject, JsonValue } from "../model/facts.ts";
import type { Applicant, Edition } from "../model/types.ts";
import { evaluate } from "./conditions.ts";
import { checkFact, isRequired, rowCountFault } from "./facts/check.ts";
import { isObject, partOf } from "./facts/definition.ts";
import { FactFault, MISSING } from "./facts/fault.ts";
import type { StreetRegister } from "./facts/streets.ts";
import { isBlank } from "./facts/texts.ts";

/** `canonical`: the answers without a fault. `values`: the same for conditions; null where there is no value. */
export interface CheckedFacts {
  shown: FormFact[];
  canonical: JsonObject;
  values: JsonObject;
  faults: Map<string, FactFault>;
}

/** The questions of an edition; those of older catalogues with today's kinds. */
export function formFacts(edition: Edition): FormFact[] {
  return edition.facts.map((fact) => (fact.kind === "number" ? { ...fact, kind: "integer" } : fact));
}

/** What is known of every case, by the names of the catalogue. `day`: the application day, as 2026-05-04. */
export function caseValues(applicant: Applicant, day: string): JsonObject {
  const { birth_date, birth_year } = applicant;
  const values: JsonObject = { applicant: { ...applicant } as JsonObject, application_day: day };
  const birth = birth_date || (birth_year ? String(birth_year) : "");
  if (birth) values["applicant"] = { ...(applicant as JsonObject), birth };
  if (birth_date)
    values["age_years"] =
      Number(day.slice(0, 4)) - Number(birth_date.slice(0, 4)) - (day.slice(5) < birth_date.slice(5) ? 1 : 0);
  return values;
}

/** `known`: the other values that conditions may name. A question whose condition is undecided is not asked yet. */
export function checkFacts(
  facts: readonly FormFact[],
  typed: JsonObject,
  known: JsonObject,
  streets: StreetRegister | null = null,
): CheckedFacts {
  const checked: CheckedFacts = { shown: [], canonical: {}, values: {}, faults: new Map() };
  for (const fact of facts) {
    const context = { ...known, ...checked.values };
    const asked = evaluate(fact.when, context);
    if (asked === false) checked.values[fact.code] = null;
    if (asked !== true) continue;
    checked.shown.push(fact);
    const value = partOf(typed, fact.code);
    if (fact.kind === "group") addGroup(checked, fact, value, context, streets);
    else addFact(checked, fact, value, streets);
  }
  return checked;
}

/** Where an answer of several parts begins: there the form says that it is missing. */
const FIRST_PARTS: Partial<Record<FormFact["kind"], string>> = {
  address: "street",
  person: "family_name",
  identity_document: "kind",
};

function addFact(checked: CheckedFacts, fact: FormFact, value: JsonValue, streets: StreetRegister | null): void {
  const canonical = checkFact(fact, value, streets);
  if (canonical instanceof FactFault) {
    addFault(checked, fact, canonical === MISSING ? missing(fact) : canonical);
    return;
  }
  checked.values[fact.code] = canonical;
  if (canonical !== null) checked.canonical[fact.code] = canonical;
}

function missing(fact: FormFact): FactFault {
  if (fact.kind === "photo" || fact.kind === "signature") return new FactFault(`${fact.kind}.needed`);
  const part = FIRST_PARTS[fact.kind];
  return part ? MISSING.inside(part) : MISSING;
}

function addGroup(
  checked: CheckedFacts,
  fact: FormFact,
  value: JsonValue,
  context: JsonObject,
  streets: StreetRegister | null,
): void {
  const rows = Array.isArray(value) ? value.map((row) => (isObject(row) ? row : {})) : [];
  if (!rows.length) {
    checked.values[fact.code] = null;
    if (isRequired(fact)) addFault(checked, fact, MISSING);
    return;
  }
  const canonical: JsonObject[] = [];
  const before = checked.faults.size;
  const fault = rowCountFault(fact, rows.length);
  if (fault) addFault(checked, fact, fault);
  for (const [index, typed] of rows.entries()) {
    const row = checkFacts(fact.facts ?? [], typed, context, streets);
    canonical.push(row.canonical);
    if (Object.values(typed).every(isBlank)) {
      addFault(checked, fact, new FactFault("group.empty_row").inside(index + 1));
      continue;
    }
    for (const [path, inner] of row.faults) checked.faults.set(`${fact.code}.${index + 1}.${path}`, inner);
  }
  checked.values[fact.code] = canonical; // also while a row has a fault: the number of rows is known
  if (checked.faults.size === before) checked.canonical[fact.code] = canonical;
}

function addFault(checked: CheckedFacts, fact: FormFact, fault: FactFault): void {
  checked.faults.set(fault.place ? `${fact.code}.${fault.place}` : fact.code, fault);
}

/** As the office gets them: what is only seen at the stand stays on the device. */
export function sentFacts(facts: readonly FormFact[], canonical: JsonObject): JsonObject {
  const unsent = new Set(facts.filter((fact) => fact.keep === "not_stored").map((fact) => fact.code));
  return Object.fromEntries(Object.entries(canonical).map(([code, value]) => [code, unsent.has(code) ? null : value]));
}

/** The attachments that answers refer to, also in rows. */
export function attachmentIds(value: JsonValue): string[] {
  if (Array.isArray(value)) return value.flatMap(attachmentIds);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, part]) =>
    (key === "photo" || key === "signature") && typeof part === "string" ? [part] : attachmentIds(part),
  );
}

/** The signatures in canonical answers: path and attachment. */
export function signatures(facts: readonly FormFact[], answers: JsonObject): [path: string, attachment: string][] {
  return facts.flatMap((fact): [string, string][] => {
    const value = partOf(answers, fact.code);
    if (fact.kind === "signature" && isObject(value)) return [[fact.code, String(value["signature"])]];
    if (fact.kind !== "group" || !Array.isArray(value)) return [];
    return value.flatMap((row, index) =>
      signatures(fact.facts ?? [], isObject(row) ? row : {}).map(([path, id]): [string, string] => [
        `${fact.code}.${index + 1}.${path}`,
        id,
      ]),
    );
  });
}
