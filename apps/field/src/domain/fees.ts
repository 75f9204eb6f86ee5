// Fees and required documents, computed from the catalogue's conditions as at the office (a test compares both).
import type { FormFact, JsonObject } from "../model/facts.ts";
import type { Edition, Fee, Form, RequiredDocument } from "../model/types.ts";
import { evaluate, MissingFact, resolve } from "./conditions.ts";
import { caseValues, checkFacts } from "./form_facts.ts";

export interface Bill {
  lines: BillLine[];
  cents: number;
}

export interface BillLine {
  fee: Fee;
  cents: number;
}

/** The values of a case, by the names of the catalogue. `day`: the application day in Linz, as 2026-05-04. `facts`: the
 * questions of the form: what is not asked has no value. */
export function factsOf(form: Form, day: string, facts: readonly FormFact[] = []): JsonObject {
  const values = caseValues(form.applicant, day);
  return facts.length ? { ...values, ...checkFacts(facts, form.facts, values).values } : { ...values, ...form.facts };
}

/** MissingFact if an amount depends on an unknown fact: fees are never guessed. */
export function priceCase(edition: Edition, facts: JsonObject): Bill | MissingFact {
  const day = String(facts["application_day"] ?? "");
  const lines: BillLine[] = [];
  for (const fee of edition.fees) {
    if ((fee.valid_from && day < fee.valid_from) || (fee.valid_to && day > fee.valid_to)) continue;
    const applies = evaluate(fee.when, facts);
    if (applies instanceof MissingFact) return applies;
    const quantity = fee.per && applies ? resolve(facts, fee.per) : 1;
    if (quantity === undefined) return new MissingFact(fee.per!);
    if (applies && typeof quantity === "number" && quantity > 0)
      lines.push({ fee, cents: fee.amount_cents * quantity });
  }
  return { lines, cents: lines.reduce((sum, line) => sum + line.cents, 0) };
}

/** The documents that are required for sure, and the missing facts on which others depend. */
export function requiredDocuments(
  edition: Edition,
  facts: JsonObject,
): { needed: RequiredDocument[]; missing: string[] } {
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
