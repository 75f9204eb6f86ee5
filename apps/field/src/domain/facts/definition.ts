// The definition of a fact, and its typed values.
import type { JsonObject, JsonValue } from "../../model/facts.ts";

export type { AttachmentKind, FormFact, JsonObject, JsonValue, PlainKind } from "../../model/facts.ts";

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own keys only: a typed value may be named like a property of every object. */
export function partOf(value: JsonObject, key: string): JsonValue {
  return Object.hasOwn(value, key) ? value[key]! : null;
}
