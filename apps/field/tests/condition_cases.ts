// Evaluates conditions with the app's code, for a test over the cases of the library. Reads JSON, writes JSON.
import { evaluate, MissingFact } from "../src/domain/conditions.ts";
import type { Condition, JsonObject } from "../src/model/facts.ts";

const cases = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as {
  condition: Condition;
  values: JsonObject;
}[];
const results = cases.map(({ condition, values }) => {
  const result = evaluate(condition, values);
  return result instanceof MissingFact ? { missing: result.fact } : result;
});
console.log(JSON.stringify(results));
