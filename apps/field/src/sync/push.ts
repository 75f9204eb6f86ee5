// Entries to the office. Kept true: all that waits of one case goes in one request, in its order; an entry is off the
// list when the office has answered for it and not before; one that is refused holds up no other case.
import type { Session } from "../device/session.ts";
import { outboxKey } from "../device/vault.ts";
import { type EntryRow, fact, note } from "../store/db.ts";
import { entriesIn, revise, TO_SEND } from "../store/outbox.ts";
import { type Bytes, bytesOf, open, packed, textOf } from "../store/sealing.ts";
import { askJson, NoAnswer, Problem } from "./http.ts";
import { atOnce } from "./pace.ts";
import { startOver } from "./pull.ts";

const AT_ONCE = 100;
const UNREAD = ["request.not_gzip", "request.malformed_json"];

interface Told {
  results: Result[];
  reset: boolean;
}

interface Result {
  entry_id: string | null;
  status: "accepted" | "duplicate" | "held" | "conflict" | "refused";
  problem: { code: string; hint: string; errors: string[] } | null;
}

/** How many entries were answered. Throws NoAnswer, or a Problem that is about the session and not about an entry. */
export async function pushEntries(session: Session): Promise<number> {
  let answered = 0;
  for (const batch of batches(await entriesIn(TO_SEND))) answered += await push(session, batch);
  return answered;
}

/** Whole cases, as many as fit the link as it is when they go; the case that waits longest first. */
export function* batches(rows: EntryRow[]): Generator<EntryRow[]> {
  const cases = new Map<string, EntryRow[]>();
  for (const row of rows) {
    const own = cases.get(row.case_id);
    if (own) own.push(row);
    else cases.set(row.case_id, [row]);
  }
  let batch: EntryRow[] = [];
  let bytes = 0;
  for (const own of cases.values()) {
    const size = own.reduce((sum, row) => sum + row.bytes, 0);
    if (batch.length && (batch.length + own.length > AT_ONCE || bytes + size > atOnce())) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(...own);
    bytes += size;
  }
  if (batch.length) yield batch;
}

async function push(session: Session, batch: EntryRow[]): Promise<number> {
  const key = outboxKey();
  const texts = await Promise.all(
    batch.map(async (row) => textOf(await open(key, "entries", row.entry_id, row.sealed))),
  );
  await mark(batch, (row) => (row.state === "device" ? { ...row, state: "sent" } : row));
  try {
    const weight = batch.reduce((sum, row) => sum + row.bytes, 0);
    const told = await say(session, bytesOf(`{"entries":[${texts.join(",")}]}`), weight);
    if (told.results.length !== batch.length) throw new NoAnswer("not every entry was answered");
    if (told.reset) {
      await startOver();
      throw new NoAnswer("the office was restored");
    }
    await take(batch, told.results);
    return batch.length;
  } catch (error) {
    if (!(error instanceof Problem) || error.passes || error.ofSession) throw error;
    return isolate(session, batch, error);
  }
}

/** Packed; plain to an office of before, which cannot unpack and would call all of it bad. */
async function say(session: Session, body: Bytes, weight: number): Promise<Told> {
  const acked = (await fact<number>("acked")) ?? 0;
  const headers = {
    "Content-Type": "application/json",
    "Device-Time": new Date().toISOString(),
    "Acked-Through": `${acked}`,
  };
  const asked = { method: "POST", token: session.token, weight };
  try {
    const headersPacked = { ...headers, "Content-Encoding": "gzip" };
    return await askJson<Told>("/sync", { ...asked, body: await packed(body), headers: headersPacked });
  } catch (error) {
    if (!(error instanceof Problem) || !UNREAD.includes(error.code)) throw error;
    return askJson<Told>("/sync", { ...asked, body, headers });
  }
}

/** The request as a whole was refused: one of its cases is why. Halved until it stands alone. */
async function isolate(session: Session, batch: EntryRow[], problem: Problem): Promise<number> {
  const cases = [...new Set(batch.map((row) => row.case_id))];
  if (cases.length === 1) {
    await mark(batch, (row) => ({ ...row, state: "refused", code: problem.code, hint: problem.hint }));
    return batch.length;
  }
  const first = new Set(cases.slice(0, cases.length / 2));
  let answered = await push(
    session,
    batch.filter((row) => first.has(row.case_id)),
  );
  answered += await push(
    session,
    batch.filter((row) => !first.has(row.case_id)),
  );
  return answered;
}

async function take(batch: EntryRow[], results: Result[]): Promise<void> {
  const told = new Map(batch.map((row, at) => [row.entry_id, results[at]!]));
  await mark(batch, (row) => {
    const result = told.get(row.entry_id)!;
    const state = result.status === "duplicate" ? "accepted" : result.status;
    const errors = result.problem?.errors.join("; ") ?? "";
    const hint = [result.problem?.hint ?? "", errors].filter(Boolean).join(" ");
    return { ...row, state, code: result.problem?.code ?? "", hint };
  });
  const heard = batch.filter((row) => told.get(row.entry_id)!.status !== "refused").map((row) => row.device_seq);
  await note("acked", Math.max((await fact<number>("acked")) ?? 0, ...heard));
}

function mark(batch: EntryRow[], as: (row: EntryRow) => EntryRow): Promise<void> {
  return revise(
    "entries",
    batch.map((row) => row.entry_id),
    as,
  );
}
