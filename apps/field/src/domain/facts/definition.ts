// The definition of a fact, as in the library's facts/models.py. Absent and null bounds mean the usual ones.
import type { Titles } from "../../model/types.ts";

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

export type PlainKind =
  | "date"
  | "partial_date"
  | "yes_no"
  | "telephone"
  | "email"
  | "iban"
  | "person"
  | "nationality"
  | "identity_document"
  | "number_plate"
  | "chip_number";
export type AttachmentKind = "photo" | "signature";
export type FormFactKind =
  | PlainKind
  | AttachmentKind
  | "text"
  | "long_text"
  | "integer"
  | "decimal"
  | "money"
  | "choice"
  | "several"
  | "address"
  | "group";

export interface FormFact {
  code: string;
  kind: FormFactKind;
  titles: Titles;
  help?: Titles | null;
  required?: boolean;
  choices?: Record<string, Titles>;
  max_length?: number | null;
  min?: number | null;
  max?: number | null;
  places?: number | null;
  min_rows?: number | null;
  max_rows?: number | null;
  facts?: FormFact[];
  prefill?: "appointment" | "former_answer" | "register_answer" | null;
  keep?: "with_case" | "until_closed" | "not_stored";
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own keys only: a typed value may be named like a property of every object. */
export function partOf(value: JsonObject, key: string): JsonValue {
  return Object.hasOwn(value, key) ? value[key]! : null;
}
