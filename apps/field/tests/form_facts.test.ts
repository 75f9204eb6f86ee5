// The answers of a form: what is asked, what is canonical, what is wrong and where.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FactFault } from "../src/domain/facts/fault.ts";
import { StreetRegister } from "../src/domain/facts/streets.ts";
import { attachmentIds, caseValues, checkFacts, formFacts, sentFacts, signatures } from "../src/domain/form_facts.ts";
import { isSignatureLike } from "../src/domain/signature.ts";
import type { FormFact, JsonObject } from "../src/model/facts.ts";
import type { Edition } from "../src/model/types.ts";
import { withPart } from "../src/screens/facts/object_value.ts";
import { typedText, withDots } from "../src/screens/facts/typed_text.ts";
import { readStreets, SHIPPED_STREETS } from "./street_file.ts";

const linz = new StreetRegister("AT", "Linz", readStreets(SHIPPED_STREETS));
const fact = (code: string, kind: FormFact["kind"], more: Partial<FormFact> = {}): FormFact => ({
  code,
  kind,
  titles: { de: code, en: code },
  ...more,
});
const FAMILY = fact("family", "group", {
  required: false,
  facts: [
    fact("person", "person"),
    fact("school", "text", { when: { fact: "pupil", equals: true }, required: false }),
    fact("pupil", "yes_no", { required: false }),
  ],
});
const codes = (faults: ReadonlyMap<string, FactFault>) => [...faults].map(([path, fault]) => `${path}: ${fault.code}`);

test("what is typed becomes canonical, and a fault has the path of its field", () => {
  const facts = [
    fact("plate", "number_plate"),
    fact("dwelling", "address"),
    fact("value", "money"),
    fact("on", "date"),
  ];
  const typed: JsonObject = {
    plate: { country: "AT", text: "l 12345a" },
    dwelling: { country: "AT", municipality: "linz", street: "Landstr.", number: "1", postal_code: "4020" },
    value: "1.234,50",
    on: "31.2.2026",
  };
  const checked = checkFacts(facts, typed, {}, linz);
  assert.deepEqual(checked.canonical, {
    plate: { country: "AT", text: "L-12345A" },
    dwelling: { country: "AT", postal_code: "4020", municipality: "Linz", street: "Landstraße", number: "1" },
    value: 123_450,
  });
  assert.deepEqual(codes(checked.faults), ["on: date.no_such_day"]);
});

test("what is not asked is not sent, and has no value for later conditions", () => {
  const facts = [
    fact("owner", "yes_no"),
    fact("provider", "person", { when: { fact: "owner", equals: false } }),
    fact("reason", "text", { when: { fact: "provider", known: true } }),
    fact("undecided", "text", { when: { fact: "residence.found", equals: true } }),
  ];
  const provider = { family_name: "Gruber", birth: "1960", nationality: "AT" };
  const typed: JsonObject = { owner: true, provider, reason: "x", undecided: "y" };
  const checked = checkFacts(facts, typed, {});
  assert.deepEqual(checked.canonical, { owner: true });
  assert.deepEqual(checked.values, { owner: true, provider: null, reason: null });
  assert.deepEqual(
    checked.shown.map((shown) => shown.code),
    ["owner"],
  );
  assert.equal(checkFacts(facts, { ...typed, owner: false }, {}).shown.length, 3);
});

test("each row of a group is checked, and an empty one is no answer", () => {
  const ada = { family_name: "Lovelace", given_name: "Ada", birth: "10.12.1985", nationality: "gb" };
  const wrong = { ...ada, birth: "31.13.2020" };
  const typed: JsonObject = { family: [{ person: ada }, { person: wrong }, {}] };
  const checked = checkFacts([FAMILY], typed, {});
  assert.deepEqual(codes(checked.faults), ["family.2.person.birth: date.no_such_day", "family.3: group.empty_row"]);
  assert.deepEqual(checked.canonical, {});
  assert.equal((checked.values["family"] as unknown[]).length, 3, "conditions may count the rows");
  const right = checkFacts([FAMILY], { family: [{ person: ada, pupil: true, school: "HTL" }] }, {});
  assert.deepEqual(right.canonical["family"], [
    { person: { ...ada, birth: "1985-12-10", nationality: "GB" }, pupil: true },
  ]);
});

test("a group that nobody filled in is missing only if it is needed", () => {
  assert.deepEqual(codes(checkFacts([FAMILY], {}, {}).faults), []);
  assert.deepEqual(codes(checkFacts([{ ...FAMILY, required: true }], {}, {}).faults), ["family: fact.missing"]);
  const two: FormFact = { ...FAMILY, required: true, min_rows: 2 };
  const row = { person: { family_name: "Li", birth: "1990", nationality: "CN" } };
  assert.deepEqual(codes(checkFacts([two], { family: [row] }, {}).faults), ["family: group.too_few_rows"]);
});

test("what is missing is said at the first part, and in the words of its kind", () => {
  const facts = [fact("home", "address"), fact("who", "person"), fact("sign", "signature"), fact("name", "text")];
  assert.deepEqual(codes(checkFacts(facts, {}, {}).faults), [
    "home.street: fact.missing",
    "who.family_name: fact.missing",
    "sign: signature.needed",
    "name: fact.missing",
  ]);
});

test("an edition of an older catalogue has today's kinds", () => {
  const edition = { facts: [{ ...fact("age", "integer"), kind: "number" }] } as unknown as Edition;
  assert.equal(formFacts(edition)[0]?.kind, "integer");
});

test("the age is known with the exact birth date alone", () => {
  assert.equal(caseValues({ birth_date: "1980-05-05" }, "2026-05-04")["age_years"], 45);
  const year = caseValues({ birth_year: 1980 }, "2026-05-04");
  assert.equal(year["age_years"], undefined);
  assert.deepEqual(year["applicant"], { birth_year: 1980, birth: "1980" });
});

test("what is only seen at the stand stays on the device", () => {
  const income = fact("income", "money", { keep: "not_stored" });
  assert.deepEqual(sentFacts([income, fact("x", "text")], { income: 90_000, x: "y" }), { income: null, x: "y" });
});

test("attachments and signatures are found in rows as well", () => {
  const group = fact("people", "group", { facts: [fact("sign", "signature"), fact("picture", "photo")] });
  const answers: JsonObject = { people: [{ picture: { photo: "p1" } }, { sign: { signature: "s1" } }] };
  assert.deepEqual(attachmentIds(answers), ["p1", "s1"]);
  assert.deepEqual(signatures([group], answers), [["people.2.sign", "s1"]]);
});

test("no drawing and a dot are no signature", () => {
  const line = Array.from({ length: 40 }, (_, at) => ({ x: 100 + 5 * at, y: 100 + (at % 7) * 6 }));
  assert.ok(isSignatureLike([line]));
  assert.ok(!isSignatureLike([]));
  assert.ok(!isSignatureLike([[{ x: 5, y: 5 }]]));
  assert.ok(!isSignatureLike([Array.from({ length: 200 }, (_, at) => ({ x: 50 + (at % 3), y: 50 + (at % 2) }))]));
});

test("a canonical value is shown as people write it", () => {
  assert.equal(typedText("money", 123_450, "de"), "1234,50");
  assert.equal(typedText("money", "12,", "de"), "12,");
  assert.equal(typedText("decimal", "12.5", "de"), "12,5");
  assert.equal(typedText("partial_date", "1980-05", "de"), "05.1980");
  assert.equal(typedText("chip_number", "040098012345678", "de"), "040 0980 1234 5678");
  assert.equal(typedText("iban", "AT611904300234573201", "de"), "AT61 1904 3002 3457 3201");
  assert.equal(withDots("04051980"), "04.05.1980");
  assert.equal(withDots("051980"), "05.1980");
  assert.equal(withDots("4.5.1980"), "4.5.1980");
});

test("a default alone is no answer", () => {
  const defaults = { country: "AT" };
  assert.deepEqual(withPart(null, "text", "L 1", defaults), { country: "AT", text: "L 1" });
  assert.equal(withPart({ country: "AT", text: "L" }, "text", "", defaults), null);
  assert.deepEqual(withPart({ country: "AT" }, "country", "DE", defaults), { country: "DE" });
});
