// The outbox: what the crew did, written down before anybody is asked.
// Kept true: an entry, the case as it is after it, the numbers it used and its photos are written in one transaction
// that is durable, or not at all; sequences have no gap; an entry leaves the list when the office has answered for it.
import { v7 } from "uuid";
import { now } from "../device/clock.ts";
import { outboxKey } from "../device/vault.ts";
import type { CaseView } from "../stand/types.ts";
import {
  type BlockRow,
  database,
  type EntryRow,
  type EntryState,
  type FileRow,
  type Series,
  type TillRow,
} from "./db.ts";
import { changed } from "./live.ts";
import { type Bytes, openJson, seal, sealJson, toHex } from "./sealing.ts";

export const PIECE_BYTES = 256 * 1024;
const LOCK = "wanderamt-outbox";
const STRICT = { durability: "strict" } as const;

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
  const view = await navigator.locks.request(LOCK, () => writeAlone(build));
  changed();
  return view;
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
  const sealed = await sealJson(key, "cases", view.case_id, view);

  const stores = ["facts", "entries", "files", "pieces", "cases", "blocks", "tills"] as const;
  const tx = db.transaction(stores, "readwrite", STRICT);
  const done: Promise<unknown>[] = [
    tx.objectStore("facts").put(before + rows.length, "device_seq"),
    tx.objectStore("cases").put({ case_id: view.case_id, stand_id: view.stand_id, touched_at: now(), sealed }),
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

/** What is being typed: kept, so that a closed tab costs nothing. Nothing for the office. */
export async function saveDraft(view: CaseView): Promise<void> {
  const sealed = await sealJson(outboxKey(), "cases", view.case_id, view);
  const row = { case_id: view.case_id, stand_id: view.stand_id, touched_at: now(), sealed };
  await (await database()).put("cases", row);
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

const SETTLED: EntryState[] = ["accepted", "replaced"];

/** The one list of what is not at the office yet: entries in the order of the device, then photos. */
export async function notAtOffice(): Promise<{ entries: EntryRow[]; files: FileRow[] }> {
  const tx = (await database()).transaction(["entries", "files"]);
  const [entries, files] = await Promise.all([
    tx.objectStore("entries").index("by_seq").getAll(),
    tx.objectStore("files").getAll(),
    tx.done,
  ]);
  return {
    entries: entries.filter((row) => !SETTLED.includes(row.state)),
    files: files.filter((row) => row.state !== "accepted"),
  };
}

export async function countNotAtOffice(): Promise<number> {
  const tx = (await database()).transaction(["entries", "files"]);
  const entries = tx.objectStore("entries");
  const files = tx.objectStore("files");
  const [all, allFiles, filesThere, ...settled] = await Promise.all([
    entries.count(),
    files.count(),
    files.index("by_state").count("accepted"),
    ...SETTLED.map((state) => entries.index("by_state").count(state)),
  ]);
  return all - settled.reduce((sum, n) => sum + n, 0) + allFiles - filesThere;
}

/** A person has looked at what was refused: it is not needed. It stays in the office's ledger, and here for 14 days. */
export async function dismiss(entryId: string): Promise<void> {
  const tx = (await database()).transaction("entries", "readwrite", STRICT);
  const row = await tx.store.get(entryId);
  if (row?.state === "refused") await tx.store.put({ ...row, state: "replaced" });
  await tx.done;
  changed();
}

/** A photo that was refused, once more. */
export async function sendFileAgain(attachmentId: string): Promise<void> {
  const tx = (await database()).transaction("files", "readwrite", STRICT);
  const row = await tx.store.get(attachmentId);
  if (row?.state === "refused") await tx.store.put({ ...row, state: "device", sent: 0, code: "", hint: "" });
  await tx.done;
  changed();
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
    ...{ state: "device", code: "", hint: "", written_at: now(), answered_at: 0, tries: 0 },
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
