// The device's own database. Kept true: everything about people lies here sealed; counters, states and ids lie open, so
// that the list "not yet at the office" can be shown to whoever holds the device, locked or not.
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from "idb";

// "replaced": it was refused, and a person has sent it anew or said that it is not needed
export type EntryState = "device" | "sent" | "accepted" | "held" | "conflict" | "refused" | "replaced";
export type Series = "GZ" | "BE" | "UK";

export interface EntryRow {
  entry_id: string;
  case_id: string;
  stand_id: string;
  device_seq: number;
  case_seq: number;
  type: string;
  state: EntryState;
  code: string; // of the refusal, or why it is held
  hint: string;
  written_at: number; // ms, by the corrected clock
  bytes: number; // of what is sealed
  sealed: Uint8Array<ArrayBuffer>; // the entry as it is sent, letter by letter
}

export interface FileRow {
  attachment_id: string;
  case_id: string;
  state: "device" | "sent" | "accepted" | "refused";
  code: string;
  hint: string;
  length: number;
  sent: number; // bytes the office said it has
  written_at: number;
  sealed: Uint8Array<ArrayBuffer>; // what it is: kind, length, hash
}

export interface PieceRow {
  attachment_id: string;
  place: number;
  sealed: Uint8Array<ArrayBuffer>;
}

export interface CaseRow {
  case_id: string;
  stand_id: string;
  touched_at: number;
  sealed: Uint8Array<ArrayBuffer>;
}

export interface BlockRow {
  block_id: string;
  series: Series;
  numbers: string[];
  places: number[];
  taken: number; // how many of `numbers` were used
  lease: string;
  returned: boolean;
}

export interface TillRow {
  till_id: string;
  stand_id: string;
  float_cents: number;
  opened_at: number;
  told: boolean; // the office knows that it is open
  cash_cents: number;
  card_cents: number;
  waived: number;
  receipts: number;
  counted_cents: number | null;
  note: string;
  closed: boolean; // and the office has said so
}

export interface ReportRow {
  id?: number;
  kind: "error" | "sync" | "storage" | "start";
  code: string;
  at: string;
  number: number | null;
  where: string;
}

export interface Schema extends DBSchema {
  facts: { key: string; value: unknown };
  entries: { key: string; value: EntryRow; indexes: { by_seq: number; by_case: string; by_state: string } };
  files: { key: string; value: FileRow; indexes: { by_state: string } };
  pieces: { key: [string, number]; value: PieceRow };
  cases: { key: string; value: CaseRow };
  blocks: { key: string; value: BlockRow };
  tills: { key: string; value: TillRow };
  reports: { key: number; value: ReportRow };
}

export type Database = IDBPDatabase<Schema>;

export const STRICT = { durability: "strict" } as const; // on the disk before anybody is told

/** All pieces of a photo, in order. */
export const piecesOf = (attachmentId: string): IDBKeyRange =>
  IDBKeyRange.bound([attachmentId, 0], [attachmentId, Number.MAX_SAFE_INTEGER]);

export const NAME = "wanderamt-field";
export const VERSION = 2;

let opened: Promise<Database> | null = null;
let blockedBy: (() => void) | null = null;

/** `whenBlocked` is called while another tab holds an older version of the database open. */
export function onBlocked(whenBlocked: () => void): void {
  blockedBy = whenBlocked;
}

/** Opens anew when the browser has closed it: some do under memory pressure, and every write after would fail. */
export function database(): Promise<Database> {
  opened ??= openDB<Schema>(NAME, VERSION, {
    async upgrade(db, from, _to, tx) {
      if (from < 1) first(db);
      if (from < 2) await second(db, tx);
    },
    blocked: () => blockedBy?.(),
    blocking: (_old, _now, event) => {
      (event.target as IDBDatabase).close();
      opened = null;
    },
    terminated: () => {
      opened = null;
    },
  }).catch((error: unknown) => {
    opened = null;
    throw error;
  });
  return opened;
}

function first(db: Database): void {
  db.createObjectStore("facts");
  const entries = db.createObjectStore("entries", { keyPath: "entry_id" });
  entries.createIndex("by_seq", "device_seq", { unique: true });
  entries.createIndex("by_case", "case_id");
  entries.createIndex("by_state", "state");
  const files = db.createObjectStore("files", { keyPath: "attachment_id" });
  files.createIndex("by_state", "state");
  db.createObjectStore("pieces", { keyPath: ["attachment_id", "place"] });
  db.createObjectStore("cases", { keyPath: "case_id" });
  db.createObjectStore("blocks", { keyPath: "block_id" });
  db.createObjectStore("tills", { keyPath: "till_id" });
}

/** 0.2.0: the app reports on itself, entries say their size. One transaction: all or nothing. */
async function second(db: Database, tx: IDBPTransaction<Schema, StoreNames<Schema>[], "versionchange">): Promise<void> {
  db.createObjectStore("reports", { keyPath: "id", autoIncrement: true });
  for (let cursor = await tx.objectStore("entries").openCursor(); cursor; cursor = await cursor.continue()) {
    await cursor.update({ ...cursor.value, bytes: cursor.value.sealed.length });
  }
}

export async function fact<T>(name: string): Promise<T | undefined> {
  return (await (await database()).get("facts", name)) as T | undefined;
}

export async function note(name: string, value: unknown): Promise<void> {
  await (await database()).put("facts", value, name);
}

export async function forget(...names: string[]): Promise<void> {
  const tx = (await database()).transaction("facts", "readwrite");
  await Promise.all([...names.map((name) => tx.store.delete(name)), tx.done]);
}
