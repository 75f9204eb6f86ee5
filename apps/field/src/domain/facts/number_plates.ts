// Number plates of vehicles. Austrian: authority and remainder, such as L-12345A (KDV 1967 § 26).
import { AUSTRIA, checkCountry } from "./countries.ts";
import { isObject, type JsonObject, type JsonValue, partOf } from "./definition.ts";
import { FactFault, MISSING, WRONG_TYPE } from "./fault.ts";
import { DISTRICTS, OFFICIAL } from "./tables.ts";
import { capitals, checkLine, checkTyped, isBlank, unknownKey } from "./texts.ts";

const MAX_FOREIGN = 15;
const FOREIGN = /^[A-Z0-9ÄÖÜČĆĐŠŽ -]*[A-Z0-9][A-Z0-9ÄÖÜČĆĐŠŽ -]*$/;
const REMAINDER = /^(?:[1-9][0-9]*[A-PR-Z]+|[A-PR-Z]+[1-9][0-9]*)$/;

/** Country and text. A text alone is Austrian. */
export function checkNumberPlate(value: JsonValue): JsonObject | FactFault {
  const plate = typeof value === "string" ? { country: AUSTRIA, text: value } : value;
  if (!isObject(plate)) return WRONG_TYPE;
  const unknown = unknownKey(plate, ["country", "text"]);
  if (unknown) return unknown;
  for (const key of ["country", "text"]) if (isBlank(partOf(plate, key))) return MISSING.inside(key);
  const country = checkCountry(partOf(plate, "country"));
  if (country instanceof FactFault) return country.inside("country");
  const typed = partOf(plate, "text");
  const text = country === AUSTRIA ? austrianPlate(typed) : foreignPlate(typed);
  return text instanceof FactFault ? text.inside("text") : { country, text };
}

function foreignPlate(value: JsonValue): string | FactFault {
  const text = checkLine(value, MAX_FOREIGN);
  if (text instanceof FactFault) return text;
  const plate = capitals(text);
  return FOREIGN.test(plate) ? plate : new FactFault("number_plate.foreign");
}

function austrianPlate(value: JsonValue): string | FactFault {
  const text = checkTyped(value);
  if (text instanceof FactFault) return text;
  const [authority = "", ...rest] = capitals(text)
    .split(/[ .·–-]+/)
    .filter((part) => part);
  const remainder = rest.join("");
  const characters = authority + remainder;
  if (!/^[A-Z0-9]+$/.test(characters)) return new FactFault("number_plate.form");
  if (remainder && isAuthority(authority)) return joinPlate(authority, remainder);
  if (remainder && /^[A-Z]+$/.test(authority)) return new FactFault("number_plate.authority", "", { authority });
  // without a separator, the letters before the first digit are the authority: nothing is guessed
  const letters = /^[A-Z]+/.exec(characters)?.[0] ?? characters.slice(0, 2);
  if (isAuthority(letters)) return joinPlate(letters, characters.slice(letters.length));
  if (isAuthority(letters.slice(0, 1)) || isAuthority(letters.slice(0, 2)))
    return new FactFault("number_plate.separator");
  return new FactFault("number_plate.authority", "", { authority: letters });
}

function isAuthority(code: string): boolean {
  return DISTRICTS.has(code) || OFFICIAL.has(code);
}

function joinPlate(authority: string, remainder: string): string | FactFault {
  return follows(authority, remainder) ? `${authority}-${remainder}` : new FactFault("number_plate.remainder");
}

/** Three to five characters, six in Vienna and the capitals of provinces; official plates may have digits alone. */
function follows(authority: string, remainder: string): boolean {
  if (OFFICIAL.has(authority) && /^[1-9][0-9]{0,5}$/.test(remainder)) return true;
  const most = authority.length === 1 ? 6 : 5;
  return remainder.length >= 3 && remainder.length <= most && REMAINDER.test(remainder);
}
