// Fees and required documents, computed from the catalogue's conditions as at the office (a test compares both).
import type { Condition, Edition, FactValue, Fee, Form, RequiredDocument } from "../model/types.ts";

/** The result depends on this fact, which is not known yet. */
export class MissingFact {
  readonly fact: string;
  constructor(fact: string) {
    this.fact = fact;
  }
}

export type Facts = Record<string, FactValue | undefined>;

export interface Bill {
  lines: Fee[];
  cents: number;
}

/** True without a condition. A fact that cannot change the result is not missing (Kleene's three-valued logic). */
export function evaluate(condition: Condition | null, facts: Facts): boolean | MissingFact {
  if (!condition) return true;
  if ("all" in condition) return combine(condition.all, facts, false);
  if ("any" in condition) return combine(condition.any, facts, true);
  if ("not_" in condition) {
    const inner = evaluate(condition.not_, facts);
    return inner instanceof MissingFact ? inner : !inner;
  }
  const value = facts[condition.fact];
  if (value === undefined) return new MissingFact(condition.fact);
  if ("equals" in condition) return value === condition.equals;
  if (typeof value !== "number") return false;
  const { at_least: low, below: high } = condition;
  return (low == null || low <= value) && (high == null || value < high);
}

/** `decisive`: the value of one part that decides the result: false for `all`, true for `any`. */
function combine(parts: Condition[], facts: Facts, decisive: boolean): boolean | MissingFact {
  let missing: MissingFact | null = null;
  for (const part of parts) {
    const result = evaluate(part, facts);
    if (result instanceof MissingFact) missing ??= result;
    else if (result === decisive) return decisive;
  }
  return missing ?? !decisive;
}

/** The clerk's answers, the day of the application and the age. `day`: the application day in Linz, as 2026-05-04. */
export function factsOf(form: Form, day: string): Facts {
  const facts: Facts = { ...form.facts, application_day: day };
  const birthDate = form.applicant.birth_date;
  if (birthDate)
    facts["age_years"] =
      Number(day.slice(0, 4)) - Number(birthDate.slice(0, 4)) - (day.slice(5) < birthDate.slice(5) ? 1 : 0);
  return facts;
}

/** MissingFact if an amount depends on an unknown fact: fees are never guessed. */
export function priceCase(edition: Edition, facts: Facts): Bill | MissingFact {
  const day = String(facts["application_day"] ?? "");
  const lines: Fee[] = [];
  for (const fee of edition.fees) {
    if ((fee.valid_from && day < fee.valid_from) || (fee.valid_to && day > fee.valid_to)) continue;
    const applies = evaluate(fee.when, facts);
    if (applies instanceof MissingFact) return applies;
    if (applies) lines.push(fee);
  }
  return { lines, cents: lines.reduce((sum, fee) => sum + fee.amount_cents, 0) };
}

/** The documents that are required for sure, and the missing facts on which others depend. */
export function requiredDocuments(edition: Edition, facts: Facts): { needed: RequiredDocument[]; missing: string[] } {
  const needed: RequiredDocument[] = [];
  const missing: string[] = [];
  for (const document of edition.papers) {
    const applies = evaluate(document.when, facts);
    if (applies instanceof MissingFact) missing.push(applies.fact);
    else if (applies) needed.push(document);
  }
  return { needed, missing };
}

/** The day in Linz, as 2026-05-04. */
export function dayOf(ms: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Vienna", dateStyle: "short" }).format(ms);
}

/** `day`: as 2026-05-04. By the calendar, not by hours: a change to summer time shifts no day. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + days * 24 * 3600_000).toISOString().slice(0, 10);
}

export function formatEuro(cents: number, language: string): string {
  return new Intl.NumberFormat(language === "de" ? "de-AT" : "en-GB", { style: "currency", currency: "EUR" }).format(
    cents / 100,
  );
}
