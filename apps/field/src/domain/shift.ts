// The end of a shift: the till, unused numbers, the export of unsynced data, and wiping the device.
import { v7 } from "uuid";
import type { TillRow } from "../model/rows.ts";
import { toBase64 } from "../platform/bytes.ts";
import { now } from "../platform/clock.ts";
import { DATABASE_NAME, database, piecesRange } from "../platform/database.ts";
import { requestJson } from "../platform/http.ts";
import { clearDevice, getDevice } from "../platform/identity.ts";
import { discardKeys } from "../platform/vault.ts";
import type { Session } from "../session/session.ts";
import { notifyChanged } from "../store/changes.ts";
import { countUnsynced, unsynced, updateRows } from "../store/outbox.ts";
import { syncSoon } from "../sync/engine.ts";

const FORMAT = "wanderamt-field-export";

export async function openTill(standId: string, floatCents: number): Promise<void> {
  const till: TillRow = {
    ...{ till_id: v7(), stand_id: standId, float_cents: floatCents, opened_at: now(), told: false },
    ...{ cash_cents: 0, card_cents: 0, waived: 0, receipts: 0, counted_cents: null, note: "", closed: false },
  };
  await (await database()).put("tills", till);
  notifyChanged();
  syncSoon();
}

export const expectedCash = (till: TillRow): number => till.float_cents + till.cash_cents;

export async function heldBlocks() {
  return (await (await database()).getAll("blocks")).filter((block) => !block.returned);
}

/** Returns unused numbers; the office voids them with a reason. Call it after everything is sent. Returns their
 * count. */
export async function returnNumbers(session: Session): Promise<number> {
  let count = 0;
  for (const block of await heldBlocks()) {
    await requestJson(`/numbers/blocks/${block.block_id}/return`, {
      token: session.token,
      json: { reason: "shift ended" },
    });
    await updateRows("blocks", [block.block_id], (row) => ({ ...row, returned: true }));
    count += block.numbers.length - block.taken;
  }
  return count;
}

/** Exports unsynced data, sealed as it is stored: the export needs no key, and only the office can read it. */
export async function exportSealed(): Promise<Blob> {
  const identity = await getDevice();
  const { entries, files } = await unsynced();
  const header = {
    format: FORMAT,
    version: 1,
    device_id: identity?.device_id,
    exported_at: new Date(now()).toISOString(),
  };
  const lines: string[] = [JSON.stringify({ ...header, entries: entries.length, files: files.length })];
  const line = (store: string, id: string, sealed: Uint8Array) =>
    lines.push(JSON.stringify({ store, id, sealed: toBase64(sealed) }));
  for (const row of entries) line("entries", row.entry_id, row.sealed);
  const db = await database();
  for (const row of files) {
    line("attachments", row.attachment_id, row.sealed);
    for (const piece of await db.getAll("pieces", piecesRange(row.attachment_id)))
      line("pieces", `${row.attachment_id}/${piece.place}`, piece.sealed);
  }
  const exportedIds = entries.map((row) => row.entry_id).concat(files.map((row) => row.attachment_id));
  await db.put("facts", { held: exportedIds, at: now() }, "exported");
  notifyChanged();
  return new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" });
}

/** True if nothing would be lost: everything is at the office or in an exported file. */
export async function canWipe(): Promise<boolean> {
  if ((await countUnsynced()) === 0) return true;
  const exported = (await (await database()).get("facts", "exported")) as { held: string[] } | undefined;
  const exportedIds = new Set(exported?.held ?? []);
  const { entries, files } = await unsynced();
  return (
    entries.every((row) => exportedIds.has(row.entry_id)) && files.every((row) => exportedIds.has(row.attachment_id))
  );
}

/** Throws if data would be lost. */
export async function wipeDevice(): Promise<void> {
  if (!(await canWipe())) throw new Error("something is not at the office");
  await discardKeys();
  clearDevice();
  (await database()).close();
  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.deleteDatabase(DATABASE_NAME);
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}
