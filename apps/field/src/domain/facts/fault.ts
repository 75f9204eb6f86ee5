// Faults of typed values, as in the library's facts/faults.py.
import type { Language } from "../../model/types.ts";
import { FAULT_TEXTS } from "./tables.ts";

export type FaultValues = Readonly<Record<string, string | number>>;

/** Why a value is refused. `place`: codes and row numbers (from 1) to the part of the value, joined by dots. */
export class FactFault {
  readonly code: string;
  readonly place: string;
  readonly values: FaultValues;
  constructor(code: string, place = "", values: FaultValues = {}) {
    this.code = code;
    this.place = place;
    this.values = values;
  }

  /** The same fault, seen from the value that holds the part. */
  inside(part: string | number): FactFault {
    return new FactFault(this.code, this.place ? `${part}.${this.place}` : String(part), this.values);
  }

  /** What the citizen or the clerk does about it. */
  sentence(language: Language): string {
    const text = FAULT_TEXTS.get(this.code)?.[language] ?? this.code;
    return text.replaceAll(/\{(\w+)\}/g, (_, name: string) => String(this.values[name] ?? ""));
  }
}

export const WRONG_TYPE = new FactFault("fact.wrong_type");
export const MISSING = new FactFault("fact.missing");
