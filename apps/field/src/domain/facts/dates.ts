// Days as 2026-05-04, and dates of which the day or the month is unknown, as foreign birth documents have them.
import type { JsonValue } from "./definition.ts";
import { FactFault } from "./fault.ts";
import { checkTyped } from "./texts.ts";

const FIRST_YEAR = 1850;
const LAST_YEAR = 2199;
const ISO = /^(?<year>[0-9]{4})(?:-(?<month>[0-9]{2})(?:-(?<day>[0-9]{2}))?)?$/;
const AUSTRIAN = /^(?:(?:(?<day>[0-9]{1,2})\. ?)?(?<month>[0-9]{1,2})\. ?)?(?<year>[0-9]{4})$/;

interface DateParts {
  year: number;
  month: number; // 0: unknown
  day: number; // 0: unknown
}

/** A full day of 1850 to 2199. */
export function checkDate(value: JsonValue): string | FactFault {
  const parts = dateParts(value, "date.form");
  if (parts instanceof FactFault) return parts;
  return parts.month && parts.day ? canonicalDate(parts) : new FactFault("date.form");
}

/** A year, a month of a year, or a full day. */
export function checkPartialDate(value: JsonValue): string | FactFault {
  const parts = dateParts(value, "partial_date.form");
  if (parts instanceof FactFault) return parts;
  return parts.day && !parts.month ? new FactFault("partial_date.form") : canonicalDate(parts);
}

function dateParts(value: JsonValue, fault: string): DateParts | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const groups = (ISO.exec(text) ?? AUSTRIAN.exec(text))?.groups;
  if (!groups) return new FactFault(fault);
  return { year: Number(groups["year"]), month: Number(groups["month"] ?? 0), day: Number(groups["day"] ?? 0) };
}

function canonicalDate({ year, month, day }: DateParts): string | FactFault {
  if (year < FIRST_YEAR || year > LAST_YEAR) return new FactFault("date.year", "", { min: FIRST_YEAR, max: LAST_YEAR });
  if (month > 12 || day > new Date(Date.UTC(year, month || 1, 0)).getUTCDate())
    return new FactFault("date.no_such_day");
  const twoDigits = (part: number) => (part ? `-${String(part).padStart(2, "0")}` : "");
  return `${year}${twoDigits(month)}${twoDigits(day)}`;
}
