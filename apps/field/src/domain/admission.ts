// Rules of admission on the device: whom the office would refuse is told at once, before anything is sent.
import type { Condition, JsonObject } from "../model/facts.ts";
import type { AdmissionRule, Edition } from "../model/types.ts";
import { evaluate } from "./conditions.ts";

/** The first rule that the answers break. Rules about what registers answer are left to the office. */
export function brokenRule(edition: Edition, values: JsonObject): AdmissionRule | undefined {
  const calls = new Set(edition.calls.map((call) => call.code));
  return (edition.admission ?? []).find(
    (rule) => !namesIn(rule.require).some((name) => calls.has(name)) && evaluate(rule.require, values) === false,
  );
}

/** The names of the values that a condition refers to. */
function namesIn(condition: Condition): string[] {
  if ("all" in condition) return condition.all.flatMap(namesIn);
  if ("any" in condition) return condition.any.flatMap(namesIn);
  if ("not" in condition) return namesIn(condition.not);
  if ("not_" in condition) return namesIn(condition.not_);
  const others = "same_as" in condition ? [condition.same_as] : "before" in condition ? [condition.before] : [];
  return [condition.fact, ...others].map((reference) => reference.split(".")[0]!);
}
