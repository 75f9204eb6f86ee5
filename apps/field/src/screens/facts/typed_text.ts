// Canonical values as the text that people read and type, and help for typing without separators.
import type { FormFactKind, JsonValue } from "../../model/facts.ts";
import type { Language } from "../../model/types.ts";

/** `value`: canonical, or as it was typed; a typed text stays as it is. */
export function typedText(kind: FormFactKind, value: JsonValue, language: Language): string {
  if (value === null || typeof value === "object") return "";
  const text = String(value);
  switch (kind) {
    case "money":
      return typeof value === "number" ? euroText(value, language) : text;
    case "decimal":
      return language === "de" && /^-?[0-9]+\.[0-9]+$/.test(text) ? text.replace(".", ",") : text;
    case "partial_date":
      return /^[0-9]{4}(-[0-9]{2}){0,2}$/.test(text) ? text.split("-").reverse().join(".") : text;
    case "iban":
      return /^[A-Z]{2}[0-9]{2}[A-Z0-9]+$/.test(text) ? text.replaceAll(/(.{4})(?=.)/g, "$1 ") : text;
    case "chip_number":
      return text.replace(/^([0-9]{3})([0-9]{4})([0-9]{4})([0-9]{4})$/, "$1 $2 $3 $4");
    default:
      return text;
  }
}

/** Digits alone become a date: 04051980, 051980. Other texts stay as they were typed. */
export function withDots(typed: string): string {
  const digits = typed.trim();
  if (/^[0-9]{8}$/.test(digits)) return digits.replace(/^(..)(..)(....)$/, "$1.$2.$3");
  return /^[0-9]{6}$/.test(digits) ? digits.replace(/^(..)(....)$/, "$1.$2") : typed;
}

function euroText(cents: number, language: Language): string {
  const euros = String(Math.floor(Math.abs(cents) / 100));
  const rest = String(Math.abs(cents) % 100).padStart(2, "0");
  return `${cents < 0 ? "-" : ""}${euros}${language === "de" ? "," : "."}${rest}`;
}
