// Prices cases with the app's code, for a test that compares it with the office. Reads JSON, writes JSON.
import { MissingFact } from "../src/domain/conditions.ts";
import { factsOf, priceCase, requiredDocuments } from "../src/domain/fees.ts";
import { formFacts } from "../src/domain/form_facts.ts";
import type { Edition, Form } from "../src/model/types.ts";

const input = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as {
  editions: Record<string, Edition>;
  cases: { edition: string; day: string; form: Form }[];
};
const results = input.cases.map(({ edition, day, form }) => {
  const offered = input.editions[edition]!;
  const facts = factsOf(form, day, formFacts(offered));
  const bill = priceCase(offered, facts);
  const { needed, missing } = requiredDocuments(offered, facts);
  return {
    cents: bill instanceof MissingFact ? null : bill.cents,
    missing: bill instanceof MissingFact ? bill.fact : null,
    papers: needed.map((document) => document.code),
    unknown: missing,
  };
});
console.log(JSON.stringify(results));
