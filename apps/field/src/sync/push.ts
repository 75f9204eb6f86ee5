// Sends entries to the office.
// Invariants: all unsent entries of a case go in one request, in order. An entry counts as synced only after the office
// has answered for it. A refused entry does not delay other cases. An entry refused for now goes again with each contact.

import type { EntryRow, EntryState } from "../model/rows.ts";
import { type Bytes, decodeUtf8, encodeUtf8, gzip } from "../platform/bytes.ts";
import { getFact, setFact } from "../platform/database.ts";
import { NoAnswerError, ProblemError, requestJson } from "../platform/http.ts";
import { adaptiveBatchSize } from "../platform/request_size.ts";
import { outboxKey } from "../platform/vault.ts";
import type { Session } from "../session/session.ts";
import { entriesByState, UNSENT_STATES, updateRows } from "../store/outbox.ts";
import { unseal } from "../store/sealing.ts";
import { resendRecent } from "./pull.ts";

const MAX_ENTRIES = 100;
const TOO_MANY = 429; // of an entry: the office has not stored it, and takes it later
const UNREADABLE_CODES = ["request.not_gzip", "request.malformed_json"];

interface SyncAnswer {
  results: EntryResult[];
  reset: boolean;
}

interface EntryResult {
  entry_id: string | null;
  status: "accepted" | "duplicate" | "held" | "conflict" | "refused";
  problem: { status: number; code: string; hint: string; errors: string[] } | null;
}

/** Returns the number of answered entries. Throws NoAnswerError, or a ProblemError about the session. */
export async function pushEntries(session: Session): Promise<number> {
  let answered = 0;
  for (const batch of batches(await entriesByState(UNSENT_STATES))) answered += await pushBatch(session, batch);
  return answered;
}

/** Groups whole cases into requests of the currently allowed size, the oldest case first. */
export function* batches(rows: EntryRow[]): Generator<EntryRow[]> {
  const cases = new Map<string, EntryRow[]>();
  for (const row of rows) {
    const caseRows = cases.get(row.case_id);
    if (caseRows) caseRows.push(row);
    else cases.set(row.case_id, [row]);
  }
  let batch: EntryRow[] = [];
  let bytes = 0;
  for (const caseRows of cases.values()) {
    const size = caseRows.reduce((sum, row) => sum + row.bytes, 0);
    if (batch.length && (batch.length + caseRows.length > MAX_ENTRIES || bytes + size > adaptiveBatchSize())) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(...caseRows);
    bytes += size;
  }
  if (batch.length) yield batch;
}

async function pushBatch(session: Session, batch: EntryRow[]): Promise<number> {
  const key = outboxKey();
  const texts = await Promise.all(
    batch.map(async (row) => decodeUtf8(await unseal(key, "entries", row.entry_id, row.sealed))),
  );
  await updateEntries(batch, (row) => (row.state === "device" ? { ...row, state: "sent" } : row));
  try {
    const payloadBytes = batch.reduce((sum, row) => sum + row.bytes, 0);
    const answer = await postEntries(session, encodeUtf8(`{"entries":[${texts.join(",")}]}`), payloadBytes);
    if (answer.results.length !== batch.length) throw new NoAnswerError("not every entry was answered");
    if (answer.reset) {
      await resendRecent();
      throw new NoAnswerError("the office was restored");
    }
    await applyResults(batch, answer.results);
    return batch.length;
  } catch (error) {
    if (!(error instanceof ProblemError) || error.isTransient || error.concernsSession) throw error;
    return isolateRefused(session, batch, error);
  }
}

/** Sends the entries compressed; uncompressed if the office is an older release that cannot read gzip. */
async function postEntries(session: Session, body: Bytes, payloadBytes: number): Promise<SyncAnswer> {
  const acked = (await getFact<number>("acked")) ?? 0;
  const headers = {
    "Content-Type": "application/json",
    "Device-Time": new Date().toISOString(),
    "Acked-Through": `${acked}`,
  };
  const options = { method: "POST", token: session.token, payloadBytes };
  try {
    const gzipHeaders = { ...headers, "Content-Encoding": "gzip" };
    return await requestJson<SyncAnswer>("/sync", { ...options, body: await gzip(body), headers: gzipHeaders });
  } catch (error) {
    if (!(error instanceof ProblemError) || !UNREADABLE_CODES.includes(error.code)) throw error;
    return requestJson<SyncAnswer>("/sync", { ...options, body, headers });
  }
}

/** The office refused the whole request because of one case: halves the batch until this case is alone. */
async function isolateRefused(session: Session, batch: EntryRow[], problem: ProblemError): Promise<number> {
  const cases = [...new Set(batch.map((row) => row.case_id))];
  if (cases.length === 1) {
    await updateEntries(batch, (row) => ({ ...row, state: "refused", code: problem.code, hint: problem.hint }));
    return batch.length;
  }
  const firstHalf = new Set(cases.slice(0, cases.length / 2));
  let answered = await pushBatch(
    session,
    batch.filter((row) => firstHalf.has(row.case_id)),
  );
  answered += await pushBatch(
    session,
    batch.filter((row) => !firstHalf.has(row.case_id)),
  );
  return answered;
}

async function applyResults(batch: EntryRow[], results: EntryResult[]): Promise<void> {
  const resultOf = new Map(batch.map((row, index) => [row.entry_id, results[index]!]));
  await updateEntries(batch, (row) => {
    const result = resultOf.get(row.entry_id)!;
    const state = stateAfter(result);
    const errors = result.problem?.errors.join("; ") ?? "";
    const hint = [result.problem?.hint ?? "", errors].filter(Boolean).join(" ");
    return { ...row, state, code: result.problem?.code ?? "", hint };
  });
  const answeredSeqs = batch
    .filter((row) => resultOf.get(row.entry_id)!.status !== "refused")
    .map((row) => row.device_seq);
  await setFact("acked", Math.max((await getFact<number>("acked")) ?? 0, ...answeredSeqs));
}

export function stateAfter({ status, problem }: EntryResult): EntryState {
  if (status === "refused" && problem?.status === TOO_MANY) return "device";
  return status === "duplicate" ? "accepted" : status;
}

function updateEntries(batch: EntryRow[], update: (row: EntryRow) => EntryRow): Promise<void> {
  return updateRows(
    "entries",
    batch.map((row) => row.entry_id),
    update,
  );
}
