// Chip numbers of animals (ISO 11784 and 11785): fifteen digits, of which three name a country or a manufacturer.
import type { JsonValue } from "./definition.ts";
import { FactFault } from "./fault.ts";
import { NUMERIC_COUNTRIES } from "./tables.ts";
import { checkTyped } from "./texts.ts";

const TEST = "999"; // of readers
const MAX_ANIMAL = 2 ** 38 - 1; // ISO 11784 has 38 bits for the number after the code

/** Fifteen digits without separators. */
export function checkChipNumber(value: JsonValue): string | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const number = text.replaceAll(/[ .\-–]/g, "");
  if (!/^[0-9]{15}$/.test(number)) return new FactFault("chip_number.digits");
  const code = number.slice(0, 3);
  if (code === TEST) return new FactFault("chip_number.test_only");
  if (!NUMERIC_COUNTRIES.has(code) && Number(code) < 900)
    return new FactFault("chip_number.country", "", { digits: code });
  return Number(number.slice(3)) > MAX_ANIMAL ? new FactFault("chip_number.range") : number;
}
