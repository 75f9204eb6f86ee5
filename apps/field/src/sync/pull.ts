// Reads changes from the office: the state of the cases, the durable sequence, and whether the office was restored.

import type { ServerState } from "../model/types.ts";
import { now } from "../platform/clock.ts";
import { DURABLE, database, getFact, piecesRange, setFact } from "../platform/database.ts";
import { ProblemError, requestJson } from "../platform/http.ts";
import type { Session } from "../session/session.ts";
import { applyServerState, withLock } from "../store/outbox.ts";

const RETENTION_MS = 14 * 24 * 3600_000;
const CLEANUP_INTERVAL_MS = 3600_000;

interface ChangedCase extends ServerState {
  case_id: string;
}

interface Changes {
  cases: ChangedCase[];
  cursor: string;
  more: boolean;
  reset: boolean;
  durable_through: number;
}

/** Throws NoAnswerError or ProblemError. */
export async function pullChanges(session: Session): Promise<void> {
  for (let more = true; more; ) {
    const cursor = (await getFact<string>("cursor")) ?? "";
    const acked = (await getFact<number>("acked")) ?? 0;
    const query = new URLSearchParams({ cursor, acked: String(acked) });
    const changes = await requestJson<Changes>(`/changes?${query}`, { token: session.token }).catch(
      async (error: unknown) => {
        // next time from the start
        if (error instanceof ProblemError && error.code === "changes.cursor" && cursor) await setFact("cursor", "");
        throw error;
      },
    );
    if (changes.reset) await resendRecent();
    for (const { case_id, state, version, reason, answers, explanation } of changes.cases)
      await applyServerState(case_id, {
        state,
        version,
        reason,
        ...(answers && { answers }),
        ...(explanation && { explanation }),
      });
    await setFact("cursor", changes.cursor);
    await setFact("durable_through", changes.durable_through);
    more = changes.more;
  }
}

/** The office was restored from a backup: sends everything of the last 14 days again. The office ignores duplicates. */
export function resendRecent(): Promise<void> {
  return withLock(resendRecentLocked);
}

async function resendRecentLocked(): Promise<void> {
  const db = await database();
  const since = now() - RETENTION_MS;
  const tx = db.transaction(["entries", "files", "tills", "facts"], "readwrite", DURABLE);
  const [entries, files, tills] = await Promise.all([
    tx.objectStore("entries").getAll(),
    tx.objectStore("files").getAll(),
    tx.objectStore("tills").getAll(),
  ]);
  const recentEntries = entries.filter(
    (row) => row.written_at >= since && row.state !== "refused" && row.state !== "replaced",
  );
  await Promise.all([
    ...recentEntries.map((row) => tx.objectStore("entries").put({ ...row, state: "device", code: "", hint: "" })),
    ...files
      .filter((row) => row.written_at >= since && row.state !== "refused" && row.state !== "draft")
      .map((row) => tx.objectStore("files").put({ ...row, state: "device", sent: 0, code: "", hint: "" })),
    ...tills.map((row) => tx.objectStore("tills").put({ ...row, told: false })),
    tx.objectStore("facts").put(0, "acked"),
    tx.objectStore("facts").put("", "cursor"),
    tx.objectStore("facts").put(true, "leases_to_show"),
    tx.done,
  ]);
}

/** After a restore: returns the signed number leases to the office, before the entries that use these numbers. */
export async function restoreLeases(session: Session): Promise<void> {
  if (!(await getFact<boolean>("leases_to_show"))) return;
  const leases = (await (await database()).getAll("blocks")).map((block) => block.lease);
  for (const lease of leases) {
    await requestJson("/numbers/blocks/restore", { token: session.token, json: { leases: [lease] } }).catch((error) => {
      // go on with the others
      if (!(error instanceof ProblemError) || error.code !== "number.lease_forged") throw error;
    });
  }
  await setFact("leases_to_show", false);
}

let cleanedUpAt = Number.NEGATIVE_INFINITY;

/** Deletes data that is durable at the office and older than 14 days. Runs at most once per hour. */
export async function deleteExpired(): Promise<void> {
  if (performance.now() - cleanedUpAt < CLEANUP_INTERVAL_MS) return;
  cleanedUpAt = performance.now();
  const durable = (await getFact<number>("durable_through")) ?? 0;
  const expiresBefore = now() - RETENTION_MS;
  const tx = (await database()).transaction(["entries", "files", "pieces", "cases"], "readwrite");
  const entries = await tx.objectStore("entries").getAll();
  const expired = entries.filter(
    (row) =>
      ((row.state === "accepted" && row.device_seq <= durable) || row.state === "replaced") &&
      row.written_at < expiresBefore,
  );
  const keptCases = new Set(entries.filter((row) => !expired.includes(row)).map((row) => row.case_id));
  for (const row of expired) await tx.objectStore("entries").delete(row.entry_id);
  for (const row of await tx.objectStore("files").getAll()) {
    if (row.state !== "accepted" || row.written_at >= expiresBefore || keptCases.has(row.case_id)) continue;
    await tx.objectStore("files").delete(row.attachment_id);
    await tx.objectStore("pieces").delete(piecesRange(row.attachment_id));
  }
  const obsoleteCases = new Set(expired.map((row) => row.case_id).filter((caseId) => !keptCases.has(caseId)));
  for (const caseId of obsoleteCases) await tx.objectStore("cases").delete(caseId);
  await tx.done;
}
