// Addresses. Where a street register covers the municipality, the street is in it, or a reason says why it is not.

import { AUSTRIA, checkCountry } from "./countries.ts";
import { type JsonObject, type JsonValue, partOf } from "./definition.ts";
import { FactFault, MISSING } from "./fault.ts";
import type { StreetRegister } from "./streets.ts";
import { LIMITS } from "./tables.ts";
import { checkKeys, checkLine, isBlank } from "./texts.ts";

const KEYS = [
  "country",
  "postal_code",
  "municipality",
  "street",
  "number",
  "stair",
  "door",
  "unlisted_reason",
] as const;
const MAX_NUMBER = 20; // characters of a house, stair or door number

type AddressKey = (typeof KEYS)[number];
type AddressParts = Partial<Record<AddressKey, string>>;

/** In Austria the postal code, the street and, if it is listed, the house number; abroad the municipality is enough. */
export function checkAddress(value: JsonValue, streets: StreetRegister | null): JsonObject | FactFault {
  const typed = checkKeys(value, KEYS);
  if (typed instanceof FactFault) return typed;
  let parts = addressParts(typed);
  if (parts instanceof FactFault) return parts;
  const austrian = parts.country === AUSTRIA;
  const needed: AddressKey[] = austrian
    ? ["country", "postal_code", "municipality", "street"]
    : ["country", "municipality"];
  for (const key of needed) if (parts[key] === undefined) return MISSING.inside(key);
  if (austrian && !/^[1-9][0-9]{3}$/.test(parts.postal_code!))
    return new FactFault("address.postal_code", "postal_code");
  if (streets?.covers(parts.country!, parts.municipality!)) {
    parts = listedParts(parts, streets);
    if (parts instanceof FactFault) return parts;
  }
  if (austrian && parts.unlisted_reason === undefined && parts.number === undefined) return MISSING.inside("number");
  const address: JsonObject = {};
  for (const key of KEYS) if (parts[key] !== undefined) address[key] = parts[key];
  return address;
}

function addressParts(value: JsonObject): AddressParts | FactFault {
  const parts: AddressParts = {};
  for (const key of KEYS) {
    const typed = partOf(value, key);
    if (isBlank(typed)) continue;
    const part = key === "country" ? checkCountry(typed) : checkLine(typed, maxLength(key));
    if (part instanceof FactFault) return part.inside(key);
    if (part) parts[key] = part;
  }
  if (parts.postal_code !== undefined && !/^[A-Za-z0-9][A-Za-z0-9 -]{0,11}$/.test(parts.postal_code))
    return new FactFault("address.postal_code", "postal_code");
  return parts;
}

function maxLength(key: AddressKey): number {
  if (key === "number" || key === "stair" || key === "door") return MAX_NUMBER;
  return key === "unlisted_reason" ? LIMITS.reason : LIMITS.part;
}

/** The address with municipality and street as the register spells them. */
function listedParts(typed: AddressParts, streets: StreetRegister): AddressParts | FactFault {
  const parts = { ...typed, municipality: streets.municipality };
  const matches = streets.named(parts.street ?? "");
  if (!matches.length)
    return parts.unlisted_reason === undefined ? new FactFault("address.street_unlisted", "street") : parts;
  const listed = matches.find((street) => street.postal_code === parts.postal_code);
  if (listed) {
    const { unlisted_reason: _, ...kept } = parts;
    return { ...kept, street: listed.street };
  }
  const codes = [...new Set(matches.map((street) => street.postal_code))].sort();
  return new FactFault("address.street_postal_code", "postal_code", { postal_codes: codes.join(", ") });
}
