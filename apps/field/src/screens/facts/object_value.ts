// Values of several parts while they are typed. Defaults of a form alone are no answer.
import { isObject, partOf } from "../../domain/facts/definition.ts";
import { isBlank } from "../../domain/facts/texts.ts";
import type { JsonObject, JsonValue } from "../../model/facts.ts";

export const asObject = (value: JsonValue): JsonObject => (isObject(value) ? value : {});

export function textOf(value: JsonValue, key: string): string {
  const part = partOf(asObject(value), key);
  return part === null || typeof part === "object" ? "" : String(part);
}

/** With the part changed; null once nothing is typed but the defaults. */
export function withPart(value: JsonValue, key: string, part: JsonValue, defaults: JsonObject = {}): JsonValue {
  const typed: JsonObject = { ...defaults, ...asObject(value), [key]: part };
  const isEmpty = Object.entries(typed).every(([name, content]) => isBlank(content) || content === defaults[name]);
  return isEmpty ? null : typed;
}
