// What can be said of the app without a browser.
import assert from "node:assert/strict";
import { test } from "node:test";
import { placeOf } from "../src/device/telemetry.ts";
import { cleaned, isLatin, phoneOf } from "../src/stand/form.ts";
import { fromBase45, toBase45 } from "../src/stand/tokens.ts";
import type { EntryRow } from "../src/store/db.ts";
import { LONGEST_WAIT_S, waitAfter } from "../src/sync/engine.ts";
import { atOnce, learn, MOST } from "../src/sync/pace.ts";
import { batches } from "../src/sync/push.ts";

test("waiting doubles, never beyond a minute, never nothing", () => {
  const waits = Array.from({ length: 40 }, (_, failures) => waitAfter(failures, 1));
  assert.deepEqual(waits.slice(0, 5), [1, 2, 4, 8, 16]);
  assert.ok(waits.every((wait) => wait <= LONGEST_WAIT_S));
  assert.ok(Array.from({ length: 40 }, (_, failures) => waitAfter(failures, 0)).every((wait) => wait >= 0.5));
});

test("base45 reads as it was written", () => {
  for (let length = 0; length < 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, at) => (at * 151 + length) % 256);
    assert.deepEqual(fromBase45(toBase45(bytes)), bytes);
  }
  assert.equal(toBase45(new TextEncoder().encode("Hello!!")), "%69 VD92EX0"); // RFC 9285, section 4.3
  for (const wrong of [":::", "A", "a1", "GGW"]) assert.throws(() => fromBase45(wrong));
});

test("what waits of one case is never split", () => {
  const rows = Array.from({ length: 300 }, (_, at) => ({ case_id: `c${at % 40}`, bytes: 900 + at }) as EntryRow);
  const found = [...batches(rows)];
  assert.equal(found.flat().length, 300);
  for (const batch of found) {
    const inside = new Set(batch.map((row) => row.case_id));
    for (const other of found) if (other !== batch) assert.ok(other.every((row) => !inside.has(row.case_id)));
  }
  assert.ok(found.every((batch) => batch.length <= 100));
});

test("phone numbers in every national form", () => {
  for (const typed of ["0660 123 45 67", "+43 660/1234567", "0043-660-1234567", "(0660) 1234567"]) {
    assert.equal(phoneOf(typed), "+436601234567");
  }
  for (const typed of ["", "12", "abc", "+0660123456"]) assert.equal(phoneOf(typed), "");
});

test("names that registers take", () => {
  for (const name of ["Šemsa", "O’Connor", "Nguyễn", "José-María", "Łukasz", "Ğ"]) assert.ok(isLatin(name), name);
  for (const name of ["Дмитрий", "李", "محمد", "😀", "Ω"]) assert.ok(!isLatin(name), name);
});

test("without an address nobody's consent is kept, and a year alone invents no day", () => {
  const form = {
    applicant: { given_name: " Ada ", family_name: "L", birth_year: 1815 },
    contact: { consent: "2026-1" },
    facts: {},
  };
  assert.deepEqual(cleaned(form), {
    applicant: { given_name: "Ada", family_name: "L", birth_year: 1815 },
    contact: {},
    facts: {},
  });
});

test("a report holds places in our own files and no message", () => {
  const stack = "Error: Ada Lovelace\n at x (https://linz.example/field/assets/index-a1.js:12:345)\n at secret.js:1:1";
  assert.equal(placeOf(stack), "assets/index-a1.js:12:345");
});

test("a slow link is asked for less at once, a good one for more, a lost request changes nothing", () => {
  assert.equal(atOnce(), MOST);
  learn(MOST, 200, false); // lost at once
  assert.equal(atOnce(), MOST);
  learn(MOST, 20_000, false); // not there in time
  assert.equal(atOnce(), MOST / 2);
  learn(2_000, 12_000, true); // the office is slow, or the link is: less, and never nothing
  for (let n = 0; n < 20; n++) learn(100, 20_000, false);
  assert.equal(atOnce(), 4 * 1024);
  learn(100, 50, true); // a small one that went well says nothing of large ones
  assert.equal(atOnce(), 4 * 1024);
  for (let n = 0; n < 20; n++) learn(atOnce(), 50, true);
  assert.equal(atOnce(), MOST);
});
