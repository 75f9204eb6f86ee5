// Countries: ISO 3166-1 alpha-2, and XK for Kosovo.
import type { JsonValue } from "./definition.ts";
import { FactFault } from "./fault.ts";
import { COUNTRIES } from "./tables.ts";
import { capitals, checkTyped } from "./texts.ts";

export const AUSTRIA = "AT";

/** The code in capitals. */
export function checkCountry(value: JsonValue): string | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const code = capitals(text);
  return COUNTRIES.has(code) ? code : new FactFault("country.unknown");
}
