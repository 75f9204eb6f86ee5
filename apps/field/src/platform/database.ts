// The IndexedDB database of the device.
// Invariants: personal data is stored sealed. Counters, states and ids are stored unsealed, so that the list of
// unsynced entries can be shown while the device is locked.
import { type DBSchema, type IDBPDatabase, type IDBPTransaction, openDB, type StoreNames } from "idb";
import type { BlockRow, CaseRow, EntryRow, FileRow, PieceRow, ReportRow, TillRow } from "../model/rows.ts";

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

export const DURABLE = { durability: "strict" } as const; // a transaction completes after the data is on the disk

/** All pieces of a photo, in order. */
export const piecesRange = (attachmentId: string): IDBKeyRange =>
  IDBKeyRange.bound([attachmentId, 0], [attachmentId, Number.MAX_SAFE_INTEGER]);

export const DATABASE_NAME = "wanderamt-field";
export const DATABASE_VERSION = 2;

let connection: Promise<Database> | null = null;
let blockedListener: (() => void) | null = null;

/** Calls `listener` if another tab keeps an older version of the database open and so blocks the upgrade. */
export function onBlocked(listener: () => void): void {
  blockedListener = listener;
}

/** Opens the database again if the browser has closed it, as some do under memory pressure; writes would fail
 * otherwise. */
export function database(): Promise<Database> {
  connection ??= openDB<Schema>(DATABASE_NAME, DATABASE_VERSION, {
    async upgrade(db, from, _to, tx) {
      if (from < 1) createVersion1(db);
      if (from < 2) await upgradeToVersion2(db, tx);
    },
    blocked: () => blockedListener?.(),
    blocking: (_old, _now, event) => {
      (event.target as IDBDatabase).close();
      connection = null;
    },
    terminated: () => {
      connection = null;
    },
  }).catch((error: unknown) => {
    connection = null;
    throw error;
  });
  return connection;
}

function createVersion1(db: Database): void {
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

/** Since 0.2.0: the store of reports, and the size of each entry. Runs in one transaction. */
async function upgradeToVersion2(
  db: Database,
  tx: IDBPTransaction<Schema, StoreNames<Schema>[], "versionchange">,
): Promise<void> {
  db.createObjectStore("reports", { keyPath: "id", autoIncrement: true });
  for (let cursor = await tx.objectStore("entries").openCursor(); cursor; cursor = await cursor.continue()) {
    await cursor.update({ ...cursor.value, bytes: cursor.value.sealed.length });
  }
}

export async function getFact<T>(name: string): Promise<T | undefined> {
  return (await (await database()).get("facts", name)) as T | undefined;
}

export async function setFact(name: string, value: unknown): Promise<void> {
  await (await database()).put("facts", value, name);
}

export async function deleteFacts(...names: string[]): Promise<void> {
  const tx = (await database()).transaction("facts", "readwrite");
  await Promise.all([...names.map((name) => tx.store.delete(name)), tx.done]);
}
