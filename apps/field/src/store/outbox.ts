// The outbox: what the crew did, written down before anybody is asked.
// Kept true: an entry, the case as it is after it, the numbers it used and its photos are written in one transaction
// that is durable, or not at all; sequences have no gap; an entry leaves the list when the office has answered for it.
// Whoever changes a row that is here already holds the lock that all tabs share, and changes what lies there then.
import { v7 } from "uuid";
import { now } from "../device/clock.ts";
import { outboxKey } from "../device/vault.ts";
import type { CaseView, OfficeView } from "../stand/types.ts";
import {
  type BlockRow,
  type CaseRow,
  database,
  type EntryRow,
  type EntryState,
  type FileRow,
  type Schema,
  type Series,
  STRICT,
  type TillRow,
} from "./db.ts";
import { changed } from "./live.ts";
import { type Bytes, openJson, seal, sealJson, toHex } from "./sealing.ts";

export const PIECE_BYTES = 256 * 1024;
const LOCK = "wanderamt-outbox";

export class NoNumbers extends Error {
  override name = "NoNumbers";
  readonly series: Series;
  constructor(series: Series) {
    super(`no number of ${series} is left`);
    this.series = series;
  }
}

export interface Captured {
  attachment_id: string;
  kind: string;
  bytes: Bytes;
}

/** What belongs together: the case as it will be, what the office must hear, photos, and the till the money went into. */
export interface Change {
  view: CaseView;
  entries: { type: string; body: unknown }[];
  files?: Captured[];
  till?: TillRow;
  replaces?: EntryRow[];
}

export interface Taken {
  number: string;
  place: number;
}

/** Gives the numbers of this device, each once. */
export interface Hand {
  take(series: Series): Taken;
}

/** Raises NoNumbers, and whatever the browser says when its disk is full: then nothing was written at all. */
export async function write(build: (hand: Hand) => Promise<Change> | Change): Promise<CaseView> {
  const view = await alone(() => writeAlone(build));
  changed();
  return view;
}

export function alone<T>(work: () => Promise<T>): Promise<T> {
  return navigator.locks.request(LOCK, work);
}

type Revised = "entries" | "files" | "tills" | "blocks";

/** Changes rows as they lie here now, not as somebody read them before he asked the office. */
export async function revise<S extends Revised>(
  name: S,
  keys: string[],
  as: (row: Schema[S]["value"]) => Schema[S]["value"],
): Promise<void> {
  await alone(async () => {
    const tx = (await database()).transaction<Revised, "readwrite">(name, "readwrite", STRICT);
    await Promise.all(
      keys.map(async (key) => {
        const row = await tx.store.get(key);
        if (row) await tx.store.put(as(row as Schema[S]["value"]));
      }),
    );
    await tx.done;
  });
  changed();
}

async function writeAlone(build: (hand: Hand) => Promise<Change> | Change): Promise<CaseView> {
  const db = await database();
  const key = outboxKey();
  const before = ((await db.get("facts", "device_seq")) as number | undefined) ?? 0;
  const blocks = await db.getAll("blocks");
  const touched = new Set<BlockRow>();
  const change = await build({
    take(series) {
      const block = blocks.find((one) => one.series === series && !one.returned && one.taken < one.numbers.length);
      if (!block) throw new NoNumbers(series);
      touched.add(block);
      const at = block.taken++;
      return { number: block.numbers[at]!, place: block.places[at] ?? -1 };
    },
  });
  const view = { ...change.view, case_seq: change.view.case_seq + change.entries.length };
  const rows = await Promise.all(
    change.entries.map((one, at) => entryRow(key, change.view, one, before + at + 1, at + 1)),
  );
  const files = await Promise.all((change.files ?? []).map((one) => fileRows(key, view.case_id, one)));
  const row = await caseRow(key, view);

  const stores = ["facts", "entries", "files", "pieces", "cases", "blocks", "tills"] as const;
  const tx = db.transaction(stores, "readwrite", STRICT);
  const done: Promise<unknown>[] = [
    tx.objectStore("facts").put(before + rows.length, "device_seq"),
    tx.objectStore("cases").put(row),
    ...rows.map((row) => tx.objectStore("entries").add(row)),
    ...Array.from(touched, (block) => tx.objectStore("blocks").put(block)),
  ];
  for (const { row, pieces } of files) {
    done.push(tx.objectStore("files").add(row));
    pieces.forEach((piece, place) => {
      done.push(tx.objectStore("pieces").add({ attachment_id: row.attachment_id, place, sealed: piece }));
    });
  }
  for (const row of change.replaces ?? []) done.push(tx.objectStore("entries").put({ ...row, state: "replaced" }));
  if (change.till) done.push(tx.objectStore("tills").put(change.till));
  await Promise.all([...done, tx.done]);
  return view;
}

/** What is not for the office: a form that is being typed, a paper handed over. Never undoes what was written since. */
export async function keepCase(view: CaseView): Promise<void> {
  await alone(async () => {
    const before = await caseView(view.case_id);
    if (!before || before.case_seq <= view.case_seq) await putCase(view);
  });
}

/** What the office says of a case of ours. */
export async function noteOffice(caseId: string, office: OfficeView): Promise<void> {
  await alone(async () => {
    const view = await caseView(caseId);
    if (view) await putCase({ ...view, office });
  });
}

async function putCase(view: CaseView): Promise<void> {
  await (await database()).put("cases", await caseRow(outboxKey(), view));
}

async function caseRow(key: CryptoKey, view: CaseView): Promise<CaseRow> {
  const { case_id, stand_id } = view;
  return { case_id, stand_id, touched_at: now(), sealed: await sealJson(key, "cases", case_id, view) };
}

export async function dropDraft(view: CaseView): Promise<void> {
  if (view.case_seq === 0) await (await database()).delete("cases", view.case_id);
  changed();
}

export async function caseView(caseId: string): Promise<CaseView | null> {
  const row = await (await database()).get("cases", caseId);
  return row ? openJson<CaseView>(outboxKey(), "cases", caseId, row.sealed) : null;
}

/** The latest first. */
export async function casesOf(standId: string): Promise<CaseView[]> {
  const rows = (await (await database()).getAll("cases")).filter((row) => row.stand_id === standId);
  rows.sort((one, other) => other.touched_at - one.touched_at);
  return Promise.all(rows.map((row) => openJson<CaseView>(outboxKey(), "cases", row.case_id, row.sealed)));
}

export const TO_SEND: EntryState[] = ["device", "sent", "held"];
const NOT_THERE: EntryState[] = [...TO_SEND, "conflict", "refused"];
const FILES_NOT_THERE: FileRow["state"][] = ["device", "sent", "refused"];

/** In the order of the device. `most`: of each state, those that were written first. */
export async function entriesIn(states: EntryState[], most?: number): Promise<EntryRow[]> {
  const tx = (await database()).transaction("entries");
  const found = await Promise.all(states.map((state) => tx.store.index("by_state").getAll(state, most)));
  return found.flat().sort((one, other) => one.device_seq - other.device_seq);
}

/** The one that waits longest first. */
export async function filesIn(states: FileRow["state"][], most?: number): Promise<FileRow[]> {
  const tx = (await database()).transaction("files");
  const found = await Promise.all(states.map((state) => tx.store.index("by_state").getAll(state, most)));
  return found.flat().sort((one, other) => one.written_at - other.written_at);
}

/** The one list of what is not at the office yet: entries, then photos. `most`: of each state, for who shows only these. */
export async function notAtOffice(most?: number): Promise<{ entries: EntryRow[]; files: FileRow[] }> {
  const [entries, files] = await Promise.all([entriesIn(NOT_THERE, most), filesIn(FILES_NOT_THERE, most)]);
  return { entries, files };
}

export async function countNotAtOffice(): Promise<number> {
  const { entries, files } = await countsNotAtOffice();
  return entries + files;
}

export async function countsNotAtOffice(): Promise<{ entries: number; files: number }> {
  const tx = (await database()).transaction(["entries", "files"]);
  const [entries, files] = [tx.objectStore("entries").index("by_state"), tx.objectStore("files").index("by_state")];
  const [ofEntries, ofFiles] = await Promise.all([
    Promise.all(NOT_THERE.map((state) => entries.count(state))),
    Promise.all(FILES_NOT_THERE.map((state) => files.count(state))),
  ]);
  const sum = (counts: number[]) => counts.reduce((one, other) => one + other, 0);
  return { entries: sum(ofEntries), files: sum(ofFiles) };
}

/** A person has looked at what was refused: it is not needed. It stays in the office's ledger, and here for 14 days. */
export function dismiss(entryId: string): Promise<void> {
  return revise("entries", [entryId], (row) => (row.state === "refused" ? { ...row, state: "replaced" } : row));
}

/** A photo that was refused, once more. */
export function sendFileAgain(attachmentId: string): Promise<void> {
  const again = { state: "device", sent: 0, code: "", hint: "" } as const;
  return revise("files", [attachmentId], (row) => (row.state === "refused" ? { ...row, ...again } : row));
}

/** What an entry says. */
export async function bodyOf(row: EntryRow): Promise<unknown> {
  return (await openJson<{ body: unknown }>(outboxKey(), "entries", row.entry_id, row.sealed)).body;
}

export async function entriesOfCase(caseId: string): Promise<EntryRow[]> {
  const rows = await (await database()).getAllFromIndex("entries", "by_case", caseId);
  return rows.sort((one, other) => one.case_seq - other.case_seq);
}

async function entryRow(
  key: CryptoKey,
  view: CaseView,
  one: { type: string; body: unknown },
  deviceSeq: number,
  place: number,
): Promise<EntryRow> {
  const entry = {
    entry_id: v7(),
    case_id: view.case_id,
    device_seq: deviceSeq,
    case_seq: view.case_seq + place,
    base_version: view.office?.version ?? 0,
    stand_id: view.stand_id,
    captured_at: new Date(now()).toISOString(),
    type: one.type,
    body: one.body,
  };
  const { entry_id, case_id, stand_id, device_seq, case_seq, type } = entry;
  const sealed = await sealJson(key, "entries", entry_id, entry);
  return {
    ...{ entry_id, case_id, stand_id, device_seq, case_seq, type },
    ...{ state: "device", code: "", hint: "", written_at: now() },
    bytes: sealed.length,
    sealed,
  };
}

async function fileRows(key: CryptoKey, caseId: string, one: Captured): Promise<{ row: FileRow; pieces: Bytes[] }> {
  const { attachment_id, kind, bytes } = one;
  const sha256 = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  const about = { attachment_id, case_id: caseId, kind, length: bytes.length, sha256 };
  const pieces: Promise<Bytes>[] = [];
  for (let begin = 0; begin < bytes.length; begin += PIECE_BYTES) {
    const part = bytes.slice(begin, begin + PIECE_BYTES);
    pieces.push(seal(key, "pieces", `${attachment_id}/${pieces.length}`, part));
  }
  const row: FileRow = {
    ...{ attachment_id, case_id: caseId, state: "device", code: "", hint: "", length: bytes.length, sent: 0 },
    written_at: now(),
    sealed: await sealJson(key, "attachments", attachment_id, about),
  };
  return { row, pieces: await Promise.all(pieces) };
}
