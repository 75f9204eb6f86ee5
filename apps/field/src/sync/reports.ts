// Sends the diagnostic reports to the office.
import { database } from "../platform/database.ts";
import { ProblemError, request } from "../platform/http.ts";
import type { Session } from "../session/session.ts";

const MAX_PER_REQUEST = 100;

/** Throws NoAnswerError or ProblemError. */
export async function pushReports(session: Session): Promise<void> {
  const db = await database();
  const rows = await db.getAll("reports", null, MAX_PER_REQUEST);
  if (!rows.length) return;
  const reports = rows.map(({ id: _, ...rest }) => rest);
  await request("/field/reports", { token: session.token, json: { app_version: __VERSION__, reports } }).catch(
    (error) => {
      // refused as malformed: deleted below
      if (!(error instanceof ProblemError) || error.isTransient || error.concernsSession) throw error;
    },
  );
  const tx = db.transaction("reports", "readwrite");
  await Promise.all([...rows.map((row) => tx.store.delete(row.id!)), tx.done]);
}
