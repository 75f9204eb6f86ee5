// The outbox: the crew's entries, stored on the device before they are sent.
// Invariants: an entry, the resulting case, the used numbers and the photos are stored in one durable transaction, or
// not at all. Sequences have no gap. An entry leaves the list of unsynced entries only after the office has accepted
// it. Code that changes an existing row holds the lock shared by all tabs, and reads the row again under this lock.
import { v7 } from "uuid";
import type { BlockRow, CaseRow, EntryRow, EntryState, FileRow, Series, TillRow } from "../model/rows.ts";
import type { CaseView, ServerState } from "../model/types.ts";
import { type Bytes, toHex } from "../platform/bytes.ts";
import { now } from "../platform/clock.ts";
import { DURABLE, database, piecesRange, type Schema } from "../platform/database.ts";
import { outboxKey } from "../platform/vault.ts";
import { notifyChanged } from "./changes.ts";
import { seal, sealJson, unsealJson } from "./sealing.ts";

export const PIECE_BYTES = 256 * 1024;
const LOCK = "wanderamt-outbox";

export class NoNumbersError extends Error {
  override name = "NoNumbersError";
  readonly series: Series;
  constructor(series: Series) {
    super(`no number of ${series} is left`);
    this.series = series;
  }
}

/** `signature`: drawn on this device; no other file counts as a signature. */
export interface CapturedFile {
  attachment_id: string;
  kind: string;
  bytes: Bytes;
  signature?: boolean;
}

/** What the office is told about a file; sealed on the device. */
export interface FileMetadata {
  attachment_id: string;
  case_id: string;
  kind: string;
  length: number;
  sha256: string;
  signature?: boolean;
}

/** One step: the case after it, its entries for the office, photos, the till that took the money. `attached`: if the
 * form changed, the attachments that it refers to; drafts of others are deleted. */
export interface CaseChange {
  view: CaseView;
  entries: { type: string; body: unknown }[];
  files?: CapturedFile[];
  attached?: string[];
  till?: TillRow;
  replaces?: EntryRow[]; // refused entries that the new ones correct
}

export interface AllocatedNumber {
  number: string;
  statusIndex: number;
}

/** Allocates the numbers leased by this device, each once. */
export interface NumberAllocator {
  allocate(series: Series): AllocatedNumber;
}

/** Throws NoNumbersError, or QuotaExceededError if the disk is full; in both cases nothing is stored. */
export async function saveChange(
  build: (allocator: NumberAllocator) => Promise<CaseChange> | CaseChange,
): Promise<CaseView> {
  const view = await withLock(() => saveChangeLocked(build));
  notifyChanged();
  return view;
}

export function withLock<T>(action: () => Promise<T>): Promise<T> {
  return navigator.locks.request(LOCK, action);
}

type UpdatableStore = "entries" | "files" | "tills" | "blocks";

/** Applies `update` to the rows as they are stored now, not as the caller read them before a request. */
export async function updateRows<S extends UpdatableStore>(
  name: S,
  keys: string[],
  update: (row: Schema[S]["value"]) => Schema[S]["value"],
): Promise<void> {
  await withLock(async () => {
    const tx = (await database()).transaction<UpdatableStore, "readwrite">(name, "readwrite", DURABLE);
    await Promise.all(
      keys.map(async (key) => {
        const row = await tx.store.get(key);
        if (row) await tx.store.put(update(row as Schema[S]["value"]));
      }),
    );
    await tx.done;
  });
  notifyChanged();
}

async function saveChangeLocked(
  build: (allocator: NumberAllocator) => Promise<CaseChange> | CaseChange,
): Promise<CaseView> {
  const db = await database();
  const key = outboxKey();
  const lastSeq = ((await db.get("facts", "device_seq")) as number | undefined) ?? 0;
  const blocks = await db.getAll("blocks");
  const usedBlocks = new Set<BlockRow>();
  const change = await build({
    allocate(series) {
      const block = blocks.find(
        (candidate) => candidate.series === series && !candidate.returned && candidate.taken < candidate.numbers.length,
      );
      if (!block) throw new NoNumbersError(series);
      usedBlocks.add(block);
      const index = block.taken++;
      return { number: block.numbers[index]!, statusIndex: block.places[index] ?? -1 };
    },
  });
  const view = { ...change.view, case_seq: change.view.case_seq + change.entries.length };
  const rows = await Promise.all(
    change.entries.map((entry, index) => toEntryRow(key, change.view, entry, lastSeq + index + 1, index + 1)),
  );
  const files = await Promise.all((change.files ?? []).map((file) => toFileRows(key, view.case_id, file)));
  const drafts = change.attached ? await draftsOf(view.case_id) : [];
  const row = await toCaseRow(key, view);

  const stores = ["facts", "entries", "files", "pieces", "cases", "blocks", "tills"] as const;
  const tx = db.transaction(stores, "readwrite", DURABLE);
  const writes: Promise<unknown>[] = [
    tx.objectStore("facts").put(lastSeq + rows.length, "device_seq"),
    tx.objectStore("cases").put(row),
    ...rows.map((row) => tx.objectStore("entries").add(row)),
    ...Array.from(usedBlocks, (block) => tx.objectStore("blocks").put(block)),
  ];
  for (const { row, pieces } of files) {
    writes.push(tx.objectStore("files").add(row));
    pieces.forEach((piece, place) => {
      writes.push(tx.objectStore("pieces").add({ attachment_id: row.attachment_id, place, sealed: piece }));
    });
  }
  for (const draft of drafts) {
    if (change.attached?.includes(draft.attachment_id))
      writes.push(tx.objectStore("files").put({ ...draft, state: "device", written_at: now() }));
    else writes.push(...deleteFile(tx.objectStore("files"), tx.objectStore("pieces"), draft.attachment_id));
  }
  for (const row of change.replaces ?? []) writes.push(tx.objectStore("entries").put({ ...row, state: "replaced" }));
  if (change.till) writes.push(tx.objectStore("tills").put(change.till));
  await Promise.all([...writes, tx.done]);
  return view;
}

/** Stores local changes without an entry: a draft, a handed-over document. Never overwrites a newer case. */
export async function saveCaseView(view: CaseView): Promise<void> {
  await withLock(async () => {
    const stored = await loadCase(view.case_id);
    if (!stored || stored.case_seq <= view.case_seq) await putCaseView(view);
  });
}

/** Stores the case's state at the office. */
export async function applyServerState(caseId: string, state: ServerState): Promise<void> {
  await withLock(async () => {
    const view = await loadCase(caseId);
    if (view) await putCaseView({ ...view, office: state });
  });
}

async function putCaseView(view: CaseView): Promise<void> {
  await (await database()).put("cases", await toCaseRow(outboxKey(), view));
}

async function toCaseRow(key: CryptoKey, view: CaseView): Promise<CaseRow> {
  const { case_id, stand_id } = view;
  return { case_id, stand_id, touched_at: now(), sealed: await sealJson(key, "cases", case_id, view) };
}

/** With its photos and signatures. */
export async function deleteDraft(view: CaseView): Promise<void> {
  if (view.case_seq === 0) {
    const drafts = await draftsOf(view.case_id);
    const tx = (await database()).transaction(["cases", "files", "pieces"], "readwrite");
    const [files, pieces] = [tx.objectStore("files"), tx.objectStore("pieces")];
    const deletions = drafts.flatMap((draft) => deleteFile(files, pieces, draft.attachment_id));
    await Promise.all([tx.objectStore("cases").delete(view.case_id), ...deletions, tx.done]);
  }
  notifyChanged();
}

async function draftsOf(caseId: string): Promise<FileRow[]> {
  return (await filesByState(["draft"])).filter((row) => row.case_id === caseId);
}

function deleteFile(
  files: { delete(key: string): Promise<void> },
  pieces: { delete(key: IDBKeyRange): Promise<void> },
  attachmentId: string,
): Promise<void>[] {
  return [files.delete(attachmentId), pieces.delete(piecesRange(attachmentId))];
}

export async function loadCase(caseId: string): Promise<CaseView | null> {
  const row = await (await database()).get("cases", caseId);
  return row ? unsealJson<CaseView>(outboxKey(), "cases", caseId, row.sealed) : null;
}

/** The most recently used case first. */
export async function loadCases(standId: string): Promise<CaseView[]> {
  const rows = (await (await database()).getAll("cases")).filter((row) => row.stand_id === standId);
  rows.sort((left, right) => right.touched_at - left.touched_at);
  return Promise.all(rows.map((row) => unsealJson<CaseView>(outboxKey(), "cases", row.case_id, row.sealed)));
}

export const UNSENT_STATES: EntryState[] = ["device", "sent", "held"];
const UNSYNCED_ENTRY_STATES: EntryState[] = [...UNSENT_STATES, "conflict", "refused"];
const UNSYNCED_FILE_STATES: FileRow["state"][] = ["device", "sent", "refused"];

/** Sorted by device sequence. `limit`: the first entries of each state. */
export async function entriesByState(states: EntryState[], limit?: number): Promise<EntryRow[]> {
  const tx = (await database()).transaction("entries");
  const rows = await Promise.all(states.map((state) => tx.store.index("by_state").getAll(state, limit)));
  return rows.flat().sort((left, right) => left.device_seq - right.device_seq);
}

/** The oldest first. `limit`: the first files of each state. */
export async function filesByState(states: FileRow["state"][], limit?: number): Promise<FileRow[]> {
  const tx = (await database()).transaction("files");
  const rows = await Promise.all(states.map((state) => tx.store.index("by_state").getAll(state, limit)));
  return rows.flat().sort((left, right) => left.written_at - right.written_at);
}

/** Entries and photos that are not at the office yet. `limit`: at most this many of each state. */
export async function unsynced(limit?: number): Promise<{ entries: EntryRow[]; files: FileRow[] }> {
  const [entries, files] = await Promise.all([
    entriesByState(UNSYNCED_ENTRY_STATES, limit),
    filesByState(UNSYNCED_FILE_STATES, limit),
  ]);
  return { entries, files };
}

export async function countUnsynced(): Promise<number> {
  const { entries, files } = await countUnsyncedByKind();
  return entries + files;
}

export async function countUnsyncedByKind(): Promise<{ entries: number; files: number }> {
  const tx = (await database()).transaction(["entries", "files"]);
  const [entries, files] = [tx.objectStore("entries").index("by_state"), tx.objectStore("files").index("by_state")];
  const [entryCounts, fileCounts] = await Promise.all([
    Promise.all(UNSYNCED_ENTRY_STATES.map((state) => entries.count(state))),
    Promise.all(UNSYNCED_FILE_STATES.map((state) => files.count(state))),
  ]);
  const sum = (counts: number[]) => counts.reduce((total, count) => total + count, 0);
  return { entries: sum(entryCounts), files: sum(fileCounts) };
}

/** A clerk dismisses a refused entry. It stays recorded at the office, and on the device for 14 days. */
export function dismissEntry(entryId: string): Promise<void> {
  return updateRows("entries", [entryId], (row) => (row.state === "refused" ? { ...row, state: "replaced" } : row));
}

/** Sends a refused photo again. */
export function retryFile(attachmentId: string): Promise<void> {
  const reset = { state: "device", sent: 0, code: "", hint: "" } as const;
  return updateRows("files", [attachmentId], (row) => (row.state === "refused" ? { ...row, ...reset } : row));
}

export async function entryBody(row: EntryRow): Promise<unknown> {
  return (await unsealJson<{ body: unknown }>(outboxKey(), "entries", row.entry_id, row.sealed)).body;
}

export async function entriesOfCase(caseId: string): Promise<EntryRow[]> {
  const rows = await (await database()).getAllFromIndex("entries", "by_case", caseId);
  return rows.sort((left, right) => left.case_seq - right.case_seq);
}

async function toEntryRow(
  key: CryptoKey,
  view: CaseView,
  entry: { type: string; body: unknown },
  deviceSeq: number,
  position: number,
): Promise<EntryRow> {
  const content = {
    entry_id: v7(),
    case_id: view.case_id,
    device_seq: deviceSeq,
    case_seq: view.case_seq + position,
    base_version: view.office?.version ?? 0,
    stand_id: view.stand_id,
    captured_at: new Date(now()).toISOString(),
    type: entry.type,
    body: entry.body,
  };
  const { entry_id, case_id, stand_id, device_seq, case_seq, type } = content;
  const sealed = await sealJson(key, "entries", entry_id, content);
  return {
    ...{ entry_id, case_id, stand_id, device_seq, case_seq, type },
    ...{ state: "device", code: "", hint: "", written_at: now() },
    bytes: sealed.length,
    sealed,
  };
}

export async function toFileRows(
  key: CryptoKey,
  caseId: string,
  file: CapturedFile,
): Promise<{ row: FileRow; pieces: Bytes[] }> {
  const { attachment_id, kind, bytes, signature } = file;
  const sha256 = toHex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
  const metadata: FileMetadata = { attachment_id, case_id: caseId, kind, length: bytes.length, sha256 };
  if (signature) metadata.signature = true;
  const pieces: Promise<Bytes>[] = [];
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    const part = bytes.slice(start, start + PIECE_BYTES);
    pieces.push(seal(key, "pieces", `${attachment_id}/${pieces.length}`, part));
  }
  const row: FileRow = {
    ...{ attachment_id, case_id: caseId, state: "device", code: "", hint: "", length: bytes.length, sent: 0 },
    written_at: now(),
    sealed: await sealJson(key, "attachments", attachment_id, metadata),
  };
  return { row, pieces: await Promise.all(pieces) };
}
