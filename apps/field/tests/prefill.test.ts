// First answers that the form offers: from the appointment, an earlier case, a register.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answersOfAppointment, proposedAnswer } from "../src/domain/prefill.ts";
import type { FormFact, JsonValue } from "../src/model/facts.ts";
import type { CaseView } from "../src/model/types.ts";

const TITLES = { de: "Angabe", en: "Fact" };
const PLATE: FormFact = { code: "plate", kind: "number_plate", titles: TITLES, prefill: "former_answer" };
const ADDRESS: FormFact = {
  ...{ code: "dwelling", kind: "address", titles: TITLES },
  ...{ prefill: "register_answer", prefill_from: "residence.address" },
};
const ADA = { given_name: "Ada", family_name: "Lovelace", birth_date: "1985-12-10" };

function caseOf(fact: FormFact, value: JsonValue): CaseView {
  const form = { applicant: ADA, contact: {}, facts: { [fact.code]: value } };
  return { edition: { facts: [fact] }, form, office: null } as unknown as CaseView;
}

test("an appointment answers what it knows, if the answer is one", () => {
  const facts: FormFact[] = [
    { code: "language", kind: "text", titles: TITLES, prefill: "appointment" },
    { code: "dogs", kind: "integer", titles: TITLES, prefill: "appointment" },
    { code: "service", kind: "text", titles: TITLES },
  ];
  const booked = { appointment_id: "a", code: "c", service: "s", starts_at: "", ends_at: "", language: "tr" };
  assert.deepEqual(answersOfAppointment(facts, { ...booked, facts: { dogs: "many" } }), { language: "tr" });
  assert.deepEqual(answersOfAppointment(facts, { ...booked, facts: { dogs: 2 } }), { language: "tr", dogs: 2 });
});

test("an earlier answer is of the same person, to the same question", () => {
  const plate = { country: "AT", text: "L-12345A" };
  const [view, earlier] = [caseOf(PLATE, null), [caseOf(PLATE, plate)]];
  assert.deepEqual(proposedAnswer(PLATE, view, { ...ADA, given_name: " ada" }, earlier), plate);
  assert.equal(proposedAnswer(PLATE, view, { ...ADA, birth_date: "1985-12-11" }, earlier), undefined);
  assert.equal(proposedAnswer(PLATE, view, {}, earlier), undefined);
  assert.equal(proposedAnswer({ ...PLATE, kind: "text" }, view, ADA, earlier), undefined);
  assert.equal(proposedAnswer({ ...PLATE, prefill: null }, view, ADA, earlier), undefined);
});

test("a photo of another case is not offered", () => {
  const photo: FormFact = { code: "picture", kind: "photo", titles: TITLES, prefill: "former_answer" };
  const taken = caseOf(photo, { photo: "01890a5d-ac96-774b-bcce-b302099a8057" });
  assert.equal(proposedAnswer(photo, taken, ADA, [taken]), undefined);
});

test("a register answers by the reference of the question", () => {
  const address = { country: "AT", postal_code: "4020", municipality: "Linz", street: "Landstraße", number: "1" };
  const answers = [{ call: "residence", titles: TITLES, rows: [], facts: { address } }];
  const view = { ...caseOf(ADDRESS, null), office: { state: "open", version: 1, reason: "", answers } };
  assert.deepEqual(proposedAnswer(ADDRESS, view, ADA, []), address);
  assert.equal(proposedAnswer({ ...ADDRESS, prefill_from: "permit.address" }, view, ADA, []), undefined);
});
