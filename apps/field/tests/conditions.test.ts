// Conditions on the values of a case: what is known decides, and nothing is guessed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { evaluate, MissingFact, resolve } from "../src/domain/conditions.ts";
import type { Condition, JsonObject } from "../src/model/facts.ts";

const VALUES: JsonObject = {
  owner: true,
  kind: "main",
  age_years: 17,
  weight: "12.5",
  none: null,
  reasons: ["move", "work"],
  moved_on: "2026-05-04",
  application_day: "2026-05-06",
  plate: { country: "AT", text: "L-12345A" },
  family: [{ family_name: "Öztürk" }, { family_name: "Öztürk" }],
  applicant: { given_name: " ŠEMSA  Ayşe", family_name: "Öztürk", birth: "1980-05" },
  keeper: { given_name: "Šemsa Ayşe", family_name: "öztürk", company: "" },
};

const CASES: [Condition, boolean | string][] = [
  [{ fact: "owner", equals: true }, true],
  [{ fact: "owner", equals: 1 }, false],
  [{ fact: "kind", in: ["main", "secondary"] }, true],
  [{ fact: "kind", in_: ["secondary"] }, false],
  [{ fact: "plate.country", equals: "AT" }, true],
  [{ fact: "plate.colour", equals: "red" }, false],
  [{ fact: "plate.colour", known: true }, false],
  [{ fact: "residence.found", equals: true }, "residence.found"],
  [{ fact: "none", known: false }, true],
  [{ fact: "none", equals: "x" }, false],
  [{ fact: "reasons", includes: "work" }, true],
  [{ fact: "kind", includes: "main" }, false],
  [{ fact: "family.count", at_least: 2 }, true],
  [{ fact: "family.family_name", known: true }, false],
  [{ fact: "age_years", at_least: 18, below: null }, false],
  [{ fact: "weight", at_least: 12, below: 13 }, true],
  [{ fact: "owner", at_least: 0 }, false],
  [{ fact: "moved_on", before: "application_day" }, true],
  [{ fact: "moved_on", before: "2026-05-04" }, false],
  [{ fact: "applicant.birth", before: "application_day" }, false],
  [{ fact: "moved_on", before: "decided_on" }, "decided_on"],
  [{ fact: "keeper", same_as: "applicant" }, true],
  [{ fact: "keeper.family_name", same_as: "applicant.given_name" }, false],
  [{ fact: "keeper.company", same_as: "keeper.company" }, false],
  [{ not: { fact: "owner", equals: false } }, true],
  [{ not_: { fact: "later", equals: false } }, "later"],
  [
    {
      all: [
        { fact: "later", equals: 1 },
        { fact: "owner", equals: false },
      ],
    },
    false,
  ],
  [
    {
      all: [
        { fact: "later", equals: 1 },
        { fact: "owner", equals: true },
      ],
    },
    "later",
  ],
  [
    {
      any: [
        { fact: "later", equals: 1 },
        { fact: "owner", equals: true },
      ],
    },
    true,
  ],
  [
    {
      any: [
        { fact: "later", equals: 1 },
        { fact: "owner", equals: false },
      ],
    },
    "later",
  ],
];

test("each condition is true, false, or names the value that is not known", () => {
  for (const [condition, expected] of CASES) {
    const result = evaluate(condition, VALUES);
    assert.equal(result instanceof MissingFact ? result.fact : result, expected, JSON.stringify(condition));
  }
});

test("without a condition everything applies", () => {
  assert.equal(evaluate(null, {}), true);
  assert.equal(evaluate(undefined, {}), true);
});

test("no reference fails, whatever the values are", () => {
  assert.equal(resolve({}, "toString"), undefined);
  assert.equal(resolve({ a: { b: 1 } }, "a.constructor"), null);
  assert.equal(resolve({ a: "text" }, "a.length"), null);
  assert.equal(resolve({ a: [] }, "a.count"), 0);
});
