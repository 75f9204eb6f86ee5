// Diagnostic reports of the app: errors, sending, storage. They are stored until the next contact with the office.
// Invariants: a report holds a code, a number and a code location, never text that a person typed. If there are too
// many reports, the oldest are deleted first.

import type { ReportRow } from "../model/rows.ts";
import { now } from "../platform/clock.ts";
import { database } from "../platform/database.ts";

const MAX_ROWS = 500;

/** Never throws: callers handle another error already. */
export async function recordReport(
  kind: ReportRow["kind"],
  code: string,
  number: number | null = null,
  location = "",
): Promise<void> {
  try {
    const row: ReportRow = {
      kind,
      code: sanitize(code, /[^A-Za-z0-9_.:-]/g, 80),
      at: new Date(now()).toISOString(),
      number,
      where: location,
    };
    const tx = (await database()).transaction("reports", "readwrite");
    await tx.store.add(row);
    const surplus = (await tx.store.count()) - MAX_ROWS;
    if (surplus > 0) for (const key of await tx.store.getAllKeys(null, surplus)) await tx.store.delete(key);
    await tx.done;
  } catch {
    // the database itself is broken, so the report is lost
  }
}

export function recordError(error: unknown): Promise<void> {
  const isError = error instanceof Error;
  return recordReport("error", isError ? error.name : "unknown", null, isError ? codeLocations(error.stack ?? "") : "");
}

export function watchErrors(): void {
  addEventListener("error", (event) => void recordError(event.error));
  addEventListener("unhandledrejection", (event) => void recordError(event.reason));
}

/** Our own files and lines in a stack trace. Messages are left out: they may contain personal data. */
export function codeLocations(stack: string): string {
  const locations = [...stack.matchAll(/\/field\/((?:assets\/)?[\w.-]+\.js:\d+:\d+)/g)].map((match) => match[1]!);
  return sanitize(locations.slice(0, 3).join(" "), /[^\w./:@ -]/g, 300);
}

function sanitize(text: string, forbidden: RegExp, limit: number): string {
  return text.replaceAll(forbidden, "_").slice(0, limit);
}
