// Conditions on the values of a case: a small closed language for facts, fees, documents and rules of admission.
// Invariants: a condition never guesses: if it depends on a value that is not known, the result is that MissingFact.
// It means the same at the office (the library's conditions.py and references.py).
import type { Condition, JsonObject, JsonValue } from "../model/facts.ts";

type Comparison = Extract<Condition, { fact: string }>;

/** The result depends on the value of this reference, which is not known yet. */
export class MissingFact {
  readonly fact: string;
  constructor(fact: string) {
    this.fact = fact;
  }
}

/** Of a reference such as address.street or family.count. Undefined: not known yet; null: there is no value. */
export function resolve(values: JsonObject, reference: string): JsonValue | undefined {
  const [name = "", ...parts] = reference.split(".");
  let value: JsonValue | undefined = Object.hasOwn(values, name) ? values[name] : undefined;
  if (value === undefined) return undefined;
  for (const part of parts) {
    if (Array.isArray(value)) value = part === "count" ? value.length : null;
    else value = typeof value === "object" && value !== null && Object.hasOwn(value, part) ? value[part] : null;
  }
  return value;
}

/** True without a condition. A value that cannot change the result is not missing (Kleene's three-valued logic). */
export function evaluate(condition: Condition | null | undefined, values: JsonObject): boolean | MissingFact {
  if (!condition) return true;
  if ("all" in condition) return combine(condition.all, values, false);
  if ("any" in condition) return combine(condition.any, values, true);
  if ("not" in condition) return negated(evaluate(condition.not, values));
  if ("not_" in condition) return negated(evaluate(condition.not_, values));
  return compare(condition, values);
}

function negated(result: boolean | MissingFact): boolean | MissingFact {
  return result instanceof MissingFact ? result : !result;
}

/** `decisive`: the value of one part that decides the result: false for `all`, true for `any`. */
function combine(parts: Condition[], values: JsonObject, decisive: boolean): boolean | MissingFact {
  let missing: MissingFact | null = null;
  for (const part of parts) {
    const result = evaluate(part, values);
    if (result instanceof MissingFact) missing ??= result;
    else if (result === decisive) return decisive;
  }
  return missing ?? !decisive;
}

function compare(condition: Comparison, values: JsonObject): boolean | MissingFact {
  const value = resolve(values, condition.fact);
  if (value === undefined) return new MissingFact(condition.fact);
  if ("known" in condition) return hasValue(value) === condition.known;
  if ("equals" in condition) return value === condition.equals;
  if ("in" in condition) return condition.in.some((expected) => value === expected);
  if ("in_" in condition) return condition.in_.some((expected) => value === expected);
  if ("includes" in condition) return Array.isArray(value) && value.includes(condition.includes);
  if ("before" in condition && isDay(condition.before)) return isBefore(value, condition.before);
  if (!("before" in condition || "same_as" in condition)) return inRange(value, condition.at_least, condition.below);
  const reference = "before" in condition ? condition.before : condition.same_as;
  const other = resolve(values, reference);
  if (other === undefined) return new MissingFact(reference);
  return "before" in condition ? isBefore(value, other) : isSame(value, other);
}

function hasValue(value: JsonValue): boolean {
  return value !== null && value !== "" && !(Array.isArray(value) && value.length === 0);
}

/** Also of decimals, which are texts. */
function inRange(value: JsonValue, low: number | null | undefined, high: number | null | undefined): boolean {
  if (typeof value !== "number" && typeof value !== "string") return false;
  if (!/^-?[0-9]{1,15}(?:\.[0-9]{1,9})?$/.test(String(value))) return false;
  const number = Number(value);
  return (low == null || low <= number) && (high == null || number < high);
}

function isDay(value: JsonValue): value is string {
  return typeof value === "string" && /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value);
}

/** Only full days are compared: of a partial date nobody knows. */
function isBefore(value: JsonValue, other: JsonValue): boolean {
  return isDay(value) && isDay(other) && value < other;
}

/** Without regard to capitals and blanks. Of two objects, each part that both have; they need one in common. */
export function isSame(value: JsonValue, other: JsonValue): boolean {
  if (typeof value === "string" && typeof other === "string")
    return folded(value) !== "" && folded(value) === folded(other);
  if (value === null || other === null || typeof value !== "object" || typeof other !== "object")
    return value !== null && value === other;
  if (Array.isArray(value) || Array.isArray(other)) return JSON.stringify(value) === JSON.stringify(other);
  const common = Object.keys(value).filter((name) => Object.hasOwn(other, name));
  return common.length > 0 && common.every((name) => isSame(value[name]!, other[name]!));
}

function folded(text: string): string {
  return text.normalize("NFC").toLowerCase().replaceAll(/ +/g, " ").replaceAll(/^ | $/g, "");
}
