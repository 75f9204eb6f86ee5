// Checks values with the app's rules, for a test that compares them with the office. Reads JSON, writes JSON.
import { checkFact } from "../src/domain/facts/check.ts";
import type { FormFact, JsonValue } from "../src/domain/facts/definition.ts";
import { FactFault } from "../src/domain/facts/fault.ts";
import { StreetRegister } from "../src/domain/facts/streets.ts";
import { isLatin } from "../src/domain/facts/texts.ts";
import { readStreets, SHIPPED_STREETS } from "./street_file.ts";

const input = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as {
  facts: Record<string, FormFact>;
  values: { fact: string; value: JsonValue }[];
  searches: string[];
  letters: string[];
};
const streets = new StreetRegister("AT", "Linz", readStreets(SHIPPED_STREETS));
const checked = input.values.map(({ fact, value }) => {
  const canonical = checkFact(input.facts[fact]!, value, streets);
  return canonical instanceof FactFault
    ? { fault: canonical.code, place: canonical.place, de: canonical.sentence("de") }
    : { canonical };
});
const hits = input.searches.map((typed) => streets.search(typed).map((street) => street.street));
console.log(JSON.stringify({ checked, hits, latin: input.letters.filter(isLatin) }));
