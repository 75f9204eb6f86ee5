// Answers from a closed set: yes or no, one of the choices, several of them.
import type { JsonValue } from "./definition.ts";
import { FactFault, WRONG_TYPE } from "./fault.ts";

export function checkYesNo(value: JsonValue): boolean | FactFault {
  return typeof value === "boolean" ? value : WRONG_TYPE;
}

/** The code of a choice, exactly: a program sends it, nobody types it. */
export function checkChoice(value: JsonValue, choices: readonly string[]): string | FactFault {
  if (typeof value !== "string") return WRONG_TYPE;
  return choices.includes(value) ? value : new FactFault("choice.unknown");
}

/** Codes in the order of the definition. An empty list is no answer. */
export function checkSeveral(value: JsonValue, choices: readonly string[]): string[] | FactFault {
  if (!Array.isArray(value)) return WRONG_TYPE;
  const duplicate = new FactFault("several.duplicate");
  if (value.length > choices.length) return duplicate;
  for (const [index, code] of value.entries()) {
    const choice = checkChoice(code, choices);
    if (choice instanceof FactFault) return choice.inside(index + 1);
  }
  const chosen = new Set(value);
  return chosen.size === value.length ? choices.filter((code) => chosen.has(code)) : duplicate;
}
