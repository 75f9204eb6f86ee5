// Prices cases with the app's code, for a test that compares it with the office. Reads JSON, writes JSON.
import { MissingFact } from "../src/domain/conditions.ts";
import { factsOf, priceCase, requiredDocuments } from "../src/domain/fees.ts";
import type { Edition, Form } from "../src/model/types.ts";

const input = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as {
  editions: Record<string, Edition>;
  cases: { edition: string; day: string; form: Form }[];
};
const results = input.cases.map(({ edition, day, form }) => {
  const facts = factsOf(form, day);
  const bill = priceCase(input.editions[edition]!, facts);
  const { needed, missing } = requiredDocuments(input.editions[edition]!, facts);
  return {
    cents: bill instanceof MissingFact ? null : bill.cents,
    missing: bill instanceof MissingFact ? bill.fact : null,
    papers: needed.map((document) => document.code),
    unknown: missing,
  };
});
console.log(JSON.stringify(results));
