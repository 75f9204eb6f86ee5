// The rules of facts and the search of streets, over the cases that the library service-catalogue runs as well.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checkFact } from "../src/domain/facts/check.ts";
import type { FormFact, JsonValue } from "../src/domain/facts/definition.ts";
import { FactFault } from "../src/domain/facts/fault.ts";
import { StreetRegister } from "../src/domain/facts/streets.ts";
import { FAULT_TEXTS } from "../src/domain/facts/tables.ts";
import { readStreets, SHIPPED_STREETS } from "./street_file.ts";

interface FactCase {
  kind: FormFact["kind"];
  fact?: Partial<FormFact>;
  value: JsonValue;
  canonical?: JsonValue;
  fault?: string;
  place?: string;
  times?: number; // how often a long text repeats itself
}

interface StreetCase {
  typed: string;
  first?: string[];
  count?: number;
}

const CASES = new URL("../../../libs/service-catalogue/tests/cases/", import.meta.url);
const readCases = (name: string): unknown => JSON.parse(readFileSync(new URL(name, CASES), "utf8"));
const linz = new StreetRegister("AT", "Linz", readStreets(SHIPPED_STREETS));

function repeated(value: JsonValue, times = 1): JsonValue {
  return typeof value === "string" ? value.repeat(times) : value;
}

test("each value has its canonical form or its fault", () => {
  const cases = readCases("fact_cases.json") as FactCase[];
  assert.ok(cases.length > 600);
  for (const factCase of cases) {
    const { kind, fact: changes, fault, place, times } = factCase;
    const value = repeated(factCase.value, times);
    const canonical = factCase.canonical === undefined ? undefined : repeated(factCase.canonical, times);
    const fact: FormFact = { code: "fact", kind, titles: { de: "Angabe", en: "Fact" }, ...changes };
    const checked = checkFact(fact, value, linz);
    const name = `${kind}: ${JSON.stringify(value).slice(0, 80)}`;
    if (fault === undefined) {
      assert.deepStrictEqual(checked, canonical, name);
      assert.deepStrictEqual(checkFact(fact, checked as JsonValue, linz), checked, name);
    } else {
      assert.ok(checked instanceof FactFault, name);
      assert.deepStrictEqual([checked.code, checked.place], [fault, place ?? ""], name);
      assert.ok(FAULT_TEXTS.has(fault), fault);
      for (const language of ["de", "en"] as const) assert.doesNotMatch(checked.sentence(language), /[{}]/);
    }
  }
});

test("streets by the beginnings of words, without accents, best first", () => {
  for (const { typed, first = [], count } of readCases("street_cases.json") as StreetCase[]) {
    const names = linz.search(typed).map((street) => street.street);
    assert.deepStrictEqual(names.slice(0, first.length), first, typed);
    if (count !== undefined) assert.equal(names.length, count, typed);
  }
});
