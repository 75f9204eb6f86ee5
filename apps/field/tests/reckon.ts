// Prices cases as the app does, for the test that holds it against the office: JSON in, JSON out.
import { factsOf, Missing, papersOf, price } from "../src/stand/fees.ts";
import type { Edition, Form } from "../src/stand/types.ts";

const asked = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as {
  editions: Record<string, Edition>;
  cases: { edition: string; day: string; form: Form }[];
};
const told = asked.cases.map(({ edition, day, form }) => {
  const facts = factsOf(form, day);
  const bill = price(asked.editions[edition]!, facts);
  const { needed, missing } = papersOf(asked.editions[edition]!, facts);
  return {
    cents: bill instanceof Missing ? null : bill.cents,
    missing: bill instanceof Missing ? bill.fact : null,
    papers: needed.map((one) => one.code),
    unknown: missing,
  };
});
console.log(JSON.stringify(told));
