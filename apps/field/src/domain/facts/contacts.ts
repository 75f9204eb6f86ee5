// Telephone numbers as E.164, e-mail addresses, and account numbers as IBAN (ISO 13616).
import type { JsonValue } from "./definition.ts";
import { FactFault } from "./fault.ts";
import { CALLING_CODES, IBAN_LENGTHS, LIMITS } from "./tables.ts";
import { capitals, checkLine, checkTyped, isLatin } from "./texts.ts";

const AUSTRIA = "+43";
const LOCAL_PART = /^[^\s"(),:;<>@[\\\].]+(?:\.[^\s"(),:;<>@[\\\].]+)*$/u;
const LABEL = /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?)$/u;
const TOP_LEVEL = /^(?:\p{L}{2,63}|xn--[a-z0-9-]{1,59})$/u;

/** E.164, such as +436601234567. A number that begins with a single 0 is Austrian; (0) is left out. */
export function checkTelephone(value: JsonValue): string | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  let number = text.replaceAll("(0)", "").replaceAll(/[ ()/.\-–]/g, "");
  if (!/^\+?[0-9]+$/.test(number)) return new FactFault("telephone.form");
  if (number.startsWith("00")) number = `+${number.slice(2)}`;
  else if (number.startsWith("0")) number = AUSTRIA + number.slice(1);
  if (!number.startsWith("+")) return new FactFault("telephone.prefix");
  if (number.startsWith(`${AUSTRIA}0`)) number = AUSTRIA + number.slice(AUSTRIA.length + 1);
  if (![1, 2, 3].some((length) => CALLING_CODES.has(number.slice(1, 1 + length))))
    return new FactFault("telephone.country");
  const digits = number.length - 1;
  return number.startsWith(`${AUSTRIA}0`) || digits < 7 || digits > 15 ? new FactFault("telephone.length") : number;
}

/** The domain in small letters. Letters outside of ASCII are Latin; a name without a dot is no domain. */
export function checkEmail(value: JsonValue): string | FactFault {
  const text = checkLine(value, LIMITS.email);
  if (text instanceof FactFault) return text;
  const at = text.lastIndexOf("@");
  const local = text.slice(0, Math.max(at, 0));
  const domain = text.slice(at + 1).toLowerCase();
  const labels = domain.split(".");
  const accepted =
    at > 0 &&
    LOCAL_PART.test(local) &&
    Array.from(local).length <= 64 &&
    labels.length > 1 &&
    labels.every((label) => LABEL.test(label)) &&
    TOP_LEVEL.test(labels.at(-1)!) &&
    Array.from(local + domain).every(isLatin);
  if (!accepted) return new FactFault("email.form");
  const address = `${local}@${domain}`;
  return Array.from(address).length > LIMITS.email
    ? new FactFault("text.too_long", "", { max: LIMITS.email })
    : address;
}

/** In capitals without blanks. The word IBAN in front is left out. */
export function checkIban(value: JsonValue): string | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  if (!/^[ -~]*$/.test(text)) return new FactFault("iban.form");
  const number = capitals(text)
    .replace(/^IBAN/, "")
    .replace(/^[: ]+/, "")
    .replaceAll(" ", "");
  if (!/^[A-Z]{2}[0-9]{2}[A-Z0-9]{1,30}$/.test(number)) return new FactFault("iban.form");
  const country = number.slice(0, 2);
  const length = IBAN_LENGTHS.get(country);
  if (length === undefined) return new FactFault("iban.country", "", { country });
  if (number.length !== length) return new FactFault("iban.length", "", { country, length });
  const digits = Array.from(number.slice(4) + number.slice(0, 4), (char) => Number.parseInt(char, 36)).join("");
  const check = Number(number.slice(2, 4));
  return BigInt(digits) % 97n === 1n && check >= 2 && check <= 98 ? number : new FactFault("iban.check_digits");
}
