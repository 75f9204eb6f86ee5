// Shortens holders with the app's code, for a test that compares it with the office. Reads JSON, writes JSON.
import { shortenHolder } from "../src/domain/holder.ts";

const printed = JSON.parse(await new Response(process.stdin as unknown as ReadableStream).text()) as string[];
console.log(JSON.stringify(printed.map(shortenHolder)));
