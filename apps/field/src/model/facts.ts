// The questions of a form and their answers, with the field names of the catalogue: the library's facts/models.py and
// conditions.py.
import type { Titles } from "./titles.ts";

export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

type Scalar = boolean | number | string;

/** `fact`: a reference to a value, such as address.street. Python's names of keywords end with an underscore. */
export type Condition =
  | { fact: string; equals: Scalar }
  | { fact: string; in: Scalar[] }
  | { fact: string; in_: Scalar[] }
  | { fact: string; includes: string }
  | { fact: string; at_least?: number | null; below?: number | null }
  | { fact: string; before: string }
  | { fact: string; same_as: string }
  | { fact: string; known: boolean }
  | { all: Condition[] }
  | { any: Condition[] }
  | { not: Condition }
  | { not_: Condition };

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

/** Absent and null bounds mean the usual ones. */
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
  when?: Condition | null;
  prefill?: "appointment" | "former_answer" | "register_answer" | null;
  prefill_from?: string | null;
  keep?: "with_case" | "until_closed" | "not_stored";
}

/** A question as older catalogues have it. */
export type CatalogueFact = FormFact | (Omit<FormFact, "kind"> & { kind: "number" });
