// Numbers: integers, decimals as text with a point, and amounts of money in cents. 5.0 is 5 and -0 is 0, as in JSON.
import type { JsonValue } from "./definition.ts";
import { FactFault, type FaultValues } from "./fault.ts";
import { LIMITS } from "./tables.ts";
import { checkTyped } from "./texts.ts";

type Bound = number | null | undefined;

const MAX_INTEGER_DIGITS = 12; // of a decimal
const MAX_DECIMAL = 10 ** MAX_INTEGER_DIGITS - 1;
const MAX_CENTS = 10 ** 12;
const HUGE = 10n ** 20n; // stands for each number beyond every bound; 1e400 is infinite
const MOST_PLACES = LIMITS.places.most;
const DECIMAL = /^(-?)([0-9]+)(?:[.,]([0-9]+))?$/;
const EURO = /^(-?)([0-9]+|[0-9]{1,3}(?:[. ][0-9]{3})+(?=,|$))(?:[.,]([0-9]{2}|-))?$/;
const AMBIGUOUS = /^-?[0-9]{1,3}\.[0-9]{3}$/; // thousands, or a third decimal place

export function checkInteger(value: JsonValue, minimum: Bound, maximum: Bound): number | FactFault {
  const number = typeof value === "number" ? whole(value) : typedInteger(value);
  if (number instanceof FactFault) return number;
  const low = minimum ?? -Number.MAX_SAFE_INTEGER;
  return outside(number, low, maximum ?? Number.MAX_SAFE_INTEGER, 1n) ?? Number(number);
}

/** Such as "-12.5": without needless zeros. */
export function checkDecimal(value: JsonValue, minimum: Bound, maximum: Bound, places: Bound): string | FactFault {
  const text = typeof value === "number" ? decimalText(value) : checkTyped(value);
  if (text instanceof FactFault) return text;
  const match = DECIMAL.exec(text.replaceAll("−", "-"));
  if (!match) return new FactFault("decimal.form");
  const sign = match[1]!;
  const integer = match[2]!.replace(/^0+/, "") || "0";
  const fraction = (match[3] ?? "").replace(/0+$/, "");
  const most = places ?? LIMITS.places.usual;
  const low = minimum ?? -MAX_DECIMAL;
  const high = maximum ?? MAX_DECIMAL;
  if (integer.length > MAX_INTEGER_DIGITS)
    return sign
      ? new FactFault("number.too_small", "", { min: low })
      : new FactFault("number.too_large", "", { max: high });
  if (fraction.length > most) return new FactFault("decimal.places", "", { max: most });
  const digits = fraction ? `${integer}.${fraction}` : integer;
  const scaled = BigInt(`${sign}${integer}${fraction.padEnd(MOST_PLACES, "0")}`);
  return outside(scaled, low, high, 10n ** BigInt(MOST_PLACES)) ?? (digits === "0" ? digits : sign + digits);
}

/** Cents. A number is in cents; a text is in euros as people type it. Not negative, unless `minimum` is. */
export function checkMoney(value: JsonValue, minimum: Bound, maximum: Bound): number | FactFault {
  const cents = typeof value === "number" ? whole(value) : typedEuros(value);
  if (cents instanceof FactFault) return cents.code === "integer.form" ? new FactFault("money.form") : cents;
  const low = Math.max(minimum ?? 0, -MAX_CENTS);
  const high = Math.min(maximum ?? MAX_CENTS, MAX_CENTS);
  if (cents < BigInt(low)) return new FactFault("money.too_small", "", euros(low));
  if (cents > BigInt(high)) return new FactFault("money.too_large", "", euros(high));
  return Number(cents);
}

function whole(value: number): bigint | FactFault {
  if (!Number.isFinite(value)) return value > 0 ? HUGE : -HUGE;
  return Number.isInteger(value) ? BigInt(value) : new FactFault("integer.form");
}

function typedInteger(value: JsonValue): bigint | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const number = text.replaceAll("−", "-");
  return /^-?[0-9]+$/.test(number) ? BigInt(number) : new FactFault("integer.form");
}

/** Without an exponent. */
function decimalText(value: number): string {
  if (Math.abs(value) > MAX_DECIMAL + 1) return String(value < 0 ? -HUGE : HUGE);
  if (value !== 0 && Math.abs(value) < 1e-6) return "0.0000001"; // more places than any fact has
  return String(value);
}

function typedEuros(value: JsonValue): bigint | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const match = EURO.exec(text.replaceAll("−", "-").replace(/^(?:€|EUR) ?| ?(?:€|EUR)$/g, ""));
  if (!match || AMBIGUOUS.test(match[0])) return new FactFault("money.form");
  const cents = BigInt(match[2]!.replaceAll(/[. ]/g, "")) * 100n + BigInt(match[3]?.replace("-", "0") ?? 0);
  return match[1] ? -cents : cents;
}

/** For a sentence, which puts a comma or a point between them. */
function euros(cents: number): FaultValues {
  const absolute = Math.abs(cents);
  const whole = `${cents < 0 ? "-" : ""}${Math.floor(absolute / 100)}`;
  return { euros: whole, cents: String(absolute % 100).padStart(2, "0") };
}

function outside(number: bigint, low: number, high: number, scale: bigint): FactFault | null {
  if (number < BigInt(low) * scale) return new FactFault("number.too_small", "", { min: low });
  return number > BigInt(high) * scale ? new FactFault("number.too_large", "", { max: high }) : null;
}
