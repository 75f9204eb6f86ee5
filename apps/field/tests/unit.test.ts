// Tests of the app that need no browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { isLatin } from "../src/domain/facts/texts.ts";
import { cleanForm, parsePhone } from "../src/domain/form.ts";
import { fromBase45, toBase45 } from "../src/domain/tokens.ts";
import type { EntryRow } from "../src/model/rows.ts";
import { adaptiveBatchSize, MAX_BYTES, recordTransfer } from "../src/platform/request_size.ts";
import { codeLocations } from "../src/store/reports.ts";
import { backoffSeconds, idleSeconds, MAX_WAIT_S } from "../src/sync/engine.ts";
import { batches, stateAfter } from "../src/sync/push.ts";

test("the wait doubles, up to one minute, and is never zero", () => {
  const waits = Array.from({ length: 40 }, (_, failures) => backoffSeconds(failures, 1));
  assert.deepEqual(waits.slice(0, 5), [1, 2, 4, 8, 16]);
  assert.ok(waits.every((wait) => wait <= MAX_WAIT_S));
  assert.ok(Array.from({ length: 40 }, (_, failures) => backoffSeconds(failures, 0)).every((wait) => wait >= 0.5));
});

test("after an entry the app soon asks for what registers have answered", () => {
  const waits = [0, 1, 2, 3, 4, 5].map(idleSeconds);
  assert.deepEqual(waits, [1, 2, 4, 8, 20, 20]);
});

test("base45 decodes what it encodes", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 151 + length) % 256);
    assert.deepEqual(fromBase45(toBase45(bytes)), bytes);
  }
  assert.equal(toBase45(new TextEncoder().encode("Hello!!")), "%69 VD92EX0"); // RFC 9285, section 4.3
  for (const wrong of [":::", "A", "a1", "GGW"]) assert.throws(() => fromBase45(wrong));
});

test("the entries of a case are never split", () => {
  const rows = Array.from({ length: 300 }, (_, at) => ({ case_id: `c${at % 40}`, bytes: 900 + at }) as EntryRow);
  const sent = [...batches(rows)];
  assert.equal(sent.flat().length, 300);
  for (const batch of sent) {
    const cases = new Set(batch.map((row) => row.case_id));
    for (const other of sent) if (other !== batch) assert.ok(other.every((row) => !cases.has(row.case_id)));
  }
  assert.ok(sent.every((batch) => batch.length <= 100));
});

test("an entry that the office refuses for now stays on the device", () => {
  const refusal = (status: number) => ({ entry_id: null, problem: { status, code: "", hint: "", errors: [] } });
  assert.equal(stateAfter({ ...refusal(429), status: "refused" }), "device");
  assert.equal(stateAfter({ ...refusal(409), status: "refused" }), "refused");
  assert.equal(stateAfter({ ...refusal(409), status: "held" }), "held");
  assert.equal(stateAfter({ entry_id: null, problem: null, status: "duplicate" }), "accepted");
});

test("phone numbers in every national form", () => {
  for (const typed of ["0660 123 45 67", "+43 660/1234567", "0043-660-1234567", "(0660) 1234567"]) {
    assert.equal(parsePhone(typed), "+436601234567");
  }
  for (const typed of ["", "12", "abc", "+0660123456"]) assert.equal(parsePhone(typed), "");
});

test("names that registers accept", () => {
  for (const name of ["Šemsa", "O’Connor", "Nguyễn", "José-María", "Łukasz", "Ğ"]) assert.ok(isLatin(name), name);
  for (const name of ["Дмитрий", "李", "محمد", "😀", "Ω"]) assert.ok(!isLatin(name), name);
});

test("without an address no consent is stored, and a year alone invents no day", () => {
  const form = {
    applicant: { given_name: " Ada ", family_name: "L", birth_year: 1815 },
    contact: { consent: "2026-1" },
    facts: {},
  };
  assert.deepEqual(cleanForm(form), {
    applicant: { given_name: "Ada", family_name: "L", birth_year: 1815 },
    contact: {},
    facts: {},
  });
});

test("a report contains code locations in our own files and no message", () => {
  const stack = "Error: Ada Lovelace\n at x (https://linz.example/field/assets/index-a1.js:12:345)\n at secret.js:1:1";
  assert.equal(codeLocations(stack), "assets/index-a1.js:12:345");
});

test("requests shrink on a slow link, grow on a fast one, and stay after an immediate failure", () => {
  assert.equal(adaptiveBatchSize(), MAX_BYTES);
  recordTransfer(MAX_BYTES, 200, false); // failed at once
  assert.equal(adaptiveBatchSize(), MAX_BYTES);
  recordTransfer(MAX_BYTES, 20_000, false); // timed out
  assert.equal(adaptiveBatchSize(), MAX_BYTES / 2);
  recordTransfer(2_000, 12_000, true); // a slow answer: smaller requests, down to the minimum
  for (let n = 0; n < 20; n++) recordTransfer(100, 20_000, false);
  assert.equal(adaptiveBatchSize(), 4 * 1024);
  recordTransfer(100, 50, true); // a fast small request proves nothing about large ones
  assert.equal(adaptiveBatchSize(), 4 * 1024);
  for (let n = 0; n < 20; n++) recordTransfer(adaptiveBatchSize(), 50, true);
  assert.equal(adaptiveBatchSize(), MAX_BYTES);
});
