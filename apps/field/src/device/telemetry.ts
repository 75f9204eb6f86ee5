// What the app tells of itself: errors, how sending fares, storage. No text that a person typed can get in: a code, a
// number, and a place in our own files. Kept until there is a network; the oldest go first when there are too many.

import { database, type ReportRow } from "../store/db.ts";
import { ask, Problem } from "../sync/http.ts";
import { now } from "./clock.ts";
import type { Session } from "./session.ts";

const MOST = 500;
const AT_ONCE = 100;

/** Never throws: whoever reports has enough to do. */
export async function report(
  kind: ReportRow["kind"],
  code: string,
  number: number | null = null,
  where = "",
): Promise<void> {
  try {
    const row: ReportRow = {
      kind,
      code: plain(code, /[^A-Za-z0-9_.:-]/g, 80),
      at: new Date(now()).toISOString(),
      number,
      where,
    };
    const tx = (await database()).transaction("reports", "readwrite");
    await tx.store.add(row);
    const spare = (await tx.store.count()) - MOST;
    if (spare > 0) for (const key of await tx.store.getAllKeys(null, spare)) await tx.store.delete(key);
    await tx.done;
  } catch {
    // the database is what is broken
  }
}

export function reportError(error: unknown): Promise<void> {
  const known = error instanceof Error;
  return report("error", known ? error.name : "unknown", null, known ? placeOf(error.stack ?? "") : "");
}

export function watchErrors(): void {
  addEventListener("error", (event) => void reportError(event.error));
  addEventListener("unhandledrejection", (event) => void reportError(event.reason));
}

/** Throws NoAnswer or Problem. */
export async function pushReports(session: Session): Promise<void> {
  const db = await database();
  const rows = await db.getAll("reports", null, AT_ONCE);
  if (!rows.length) return;
  const reports = rows.map(({ id: _, ...rest }) => rest);
  await ask("/field/reports", { token: session.token, json: { app_version: __VERSION__, reports } }).catch((error) => {
    if (!(error instanceof Problem) || error.passes || error.ofSession) throw error; // else they are wrong: let them go
  });
  const tx = db.transaction("reports", "readwrite");
  await Promise.all([...rows.map((row) => tx.store.delete(row.id!)), tx.done]);
}

/** Files and lines of our own code out of a stack; messages, which may hold anything, stay out. */
export function placeOf(stack: string): string {
  const places = [...stack.matchAll(/\/field\/((?:assets\/)?[\w.-]+\.js:\d+:\d+)/g)].map((found) => found[1]!);
  return plain(places.slice(0, 3).join(" "), /[^\w./:@ -]/g, 300);
}

function plain(text: string, others: RegExp, most: number): string {
  return text.replaceAll(others, "_").slice(0, most);
}
