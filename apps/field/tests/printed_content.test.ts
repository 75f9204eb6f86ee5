// The content of papers, over the cases that intake runs as well.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import {
  contentHash,
  contentOf,
  mainFacts,
  printedContent,
  printedDay,
  printedMoney,
} from "../src/domain/printed_content.ts";
import type { Language, PrintedContent } from "../src/model/types.ts";
import { toHex } from "../src/platform/bytes.ts";

interface Cases {
  contents: { content: Partial<PrintedContent>; sha256: string }[];
  days: { day: string; language: Language; printed: string }[];
  money: { cents: number; language: Language; printed: string }[];
  main: { rows: [string, string][]; printed: string }[];
}

const FILE = new URL("../../../services/intake/tests/cases/printed_content.json", import.meta.url);
const cases = JSON.parse(readFileSync(FILE, "utf8")) as Cases;

test("a content has the hash that the office computes", async () => {
  assert.ok(cases.contents.length > 10);
  for (const { content, sha256 } of cases.contents)
    assert.equal(toHex(await contentHash(printedContent(content))), sha256, JSON.stringify(content));
});

test("days, amounts and main facts are printed as at the office", () => {
  for (const { day, language, printed } of cases.days) assert.equal(printedDay(day, language), printed);
  for (const { cents, language, printed } of cases.money) assert.equal(printedMoney(cents, language), printed);
  for (const { rows, printed } of cases.main) assert.equal(mainFacts(rows), printed);
});

test("a document of an earlier release is shown with its fields", () => {
  const printed = { title: "Meldezettel", place: "Markt", given_name: "Ada", family_name: "L", birth_date: "1815" };
  const content = contentOf({ document_id: "", number: "UK-1", stamp: "", at: 0, printed }, "de");
  assert.deepEqual(
    [content.title, content.number, content.place, content.valid_until],
    ["Meldezettel", "UK-1", "Markt", ""],
  );
  assert.deepEqual(content.rows, [
    ["Familienname", "L"],
    ["Vorname", "Ada"],
    ["Geboren", "1815"],
  ]);
  const current = printedContent({ title: "T", rows: [["a", "b"]] });
  assert.deepEqual(contentOf({ document_id: "", number: "UK-1", stamp: "", at: 0, printed: current }, "de"), current);
});
