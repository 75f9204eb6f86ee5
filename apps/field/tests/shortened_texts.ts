// Shortens texts with the app's code, for a test that compares it with the office. Reads JSON, writes JSON.
import { shorten } from "../src/domain/shorten.ts";

const requested = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as {
  texts: string[];
  max_bytes: number;
};
console.log(JSON.stringify(requested.texts.map((text) => shorten(text, requested.max_bytes))));
