// What applies and what it costs, by the same closed language of conditions as in the office (a test holds both together).
import type { Condition, Edition, FactValue, Fee, Form, Paper } from "./types.ts";

/** The answer depends on this fact, and nobody has given it yet. */
export class Missing {
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

/** None always holds. A fact that cannot change the answer any more is not missing (Kleene's three-valued logic). */
export function holds(condition: Condition | null, facts: Facts): boolean | Missing {
  if (!condition) return true;
  if ("all" in condition) return first(condition.all, facts, false);
  if ("any" in condition) return first(condition.any, facts, true);
  if ("not_" in condition) {
    const inner = holds(condition.not_, facts);
    return inner instanceof Missing ? inner : !inner;
  }
  const known = facts[condition.fact];
  if (known === undefined) return new Missing(condition.fact);
  if ("equals" in condition) return known === condition.equals;
  if (typeof known !== "number") return false;
  const { at_least: low, below: high } = condition;
  return (low == null || low <= known) && (high == null || known < high);
}

function first(parts: Condition[], facts: Facts, decides: boolean): boolean | Missing {
  let missing: Missing | null = null;
  for (const part of parts) {
    const said = holds(part, facts);
    if (said instanceof Missing) missing ??= said;
    else if (said === decides) return decides;
  }
  return missing ?? !decides;
}

/** The clerk's answers with what is known of every case. `day`: of the application, in Linz (2026-05-04). */
export function factsOf(form: Form, day: string): Facts {
  const facts: Facts = { ...form.facts, application_day: day };
  const born = form.applicant.birth_date;
  if (born)
    facts["age_years"] = Number(day.slice(0, 4)) - Number(born.slice(0, 4)) - (day.slice(5) < born.slice(5) ? 1 : 0);
  return facts;
}

/** Missing while an amount depends on something that nobody has asked: a guessed fee is a wrong fee. */
export function price(edition: Edition, facts: Facts): Bill | Missing {
  const day = String(facts["application_day"] ?? "");
  const lines: Fee[] = [];
  for (const fee of edition.fees) {
    if ((fee.valid_from && day < fee.valid_from) || (fee.valid_to && day > fee.valid_to)) continue;
    const applies = holds(fee.when, facts);
    if (applies instanceof Missing) return applies;
    if (applies) lines.push(fee);
  }
  return { lines, cents: lines.reduce((sum, fee) => sum + fee.amount_cents, 0) };
}

/** The papers that are needed, as far as can be said, and the facts that are missing to know of others. */
export function papersOf(edition: Edition, facts: Facts): { needed: Paper[]; missing: string[] } {
  const needed: Paper[] = [];
  const missing: string[] = [];
  for (const paper of edition.papers) {
    const applies = holds(paper.when, facts);
    if (applies instanceof Missing) missing.push(applies.fact);
    else if (applies) needed.push(paper);
  }
  return { needed, missing };
}

/** The day in Linz. */
export function dayOf(ms: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Vienna", dateStyle: "short" }).format(ms);
}

/** As a date is printed on papers: 04.05.2026. */
export function printedDay(day: string): string {
  const [year, month, date] = day.split("-");
  return `${date}.${month}.${year}`;
}

export function euro(cents: number, language: string): string {
  return new Intl.NumberFormat(language === "de" ? "de-AT" : "en-GB", { style: "currency", currency: "EUR" }).format(
    cents / 100,
  );
}
