// The end of a shift: the till, the numbers that were not used, what is not sent, and when the device may be wiped.
import { v7 } from "uuid";
import { now } from "../device/clock.ts";
import { device, forgetDevice } from "../device/identity.ts";
import type { Session } from "../device/session.ts";
import { withdraw } from "../device/vault.ts";
import { database, NAME, piecesOf, type TillRow } from "../store/db.ts";
import { changed } from "../store/live.ts";
import { countNotAtOffice, notAtOffice, revise } from "../store/outbox.ts";
import { toBase64 } from "../store/sealing.ts";
import { sendSoon } from "../sync/engine.ts";
import { askJson } from "../sync/http.ts";

const FORMAT = "wanderamt-field-export";

export async function beginTill(standId: string, floatCents: number): Promise<void> {
  const till: TillRow = {
    ...{ till_id: v7(), stand_id: standId, float_cents: floatCents, opened_at: now(), told: false },
    ...{ cash_cents: 0, card_cents: 0, waived: 0, receipts: 0, counted_cents: null, note: "", closed: false },
  };
  await (await database()).put("tills", till);
  changed();
  sendSoon();
}

export const expectedCash = (till: TillRow): number => till.float_cents + till.cash_cents;

export async function blocksHeld() {
  return (await (await database()).getAll("blocks")).filter((block) => !block.returned);
}

/** After everything was sent: what was not used is void from now on, with a reason. */
export async function returnNumbers(session: Session): Promise<number> {
  let count = 0;
  for (const block of await blocksHeld()) {
    await askJson(`/numbers/blocks/${block.block_id}/return`, {
      token: session.token,
      json: { reason: "shift ended" },
    });
    await revise("blocks", [block.block_id], (row) => ({ ...row, returned: true }));
    count += block.numbers.length - block.taken;
  }
  return count;
}

/** What is not at the office, sealed as it lies here: no key is needed to make it, the office alone can read it. */
export async function exportSealed(): Promise<Blob> {
  const own = await device();
  const { entries, files } = await notAtOffice();
  const about = { format: FORMAT, version: 1, device_id: own?.device_id, exported_at: new Date(now()).toISOString() };
  const lines: string[] = [JSON.stringify({ ...about, entries: entries.length, files: files.length })];
  const line = (store: string, id: string, sealed: Uint8Array) =>
    lines.push(JSON.stringify({ store, id, sealed: toBase64(sealed) }));
  for (const row of entries) line("entries", row.entry_id, row.sealed);
  const db = await database();
  for (const row of files) {
    line("attachments", row.attachment_id, row.sealed);
    for (const piece of await db.getAll("pieces", piecesOf(row.attachment_id)))
      line("pieces", `${row.attachment_id}/${piece.place}`, piece.sealed);
  }
  const held = entries.map((row) => row.entry_id).concat(files.map((row) => row.attachment_id));
  await db.put("facts", { held, at: now() }, "exported");
  changed();
  return new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" });
}

/** Nothing is lost: the list is empty, or all of it is in a file that was exported. */
export async function mayWipe(): Promise<boolean> {
  if ((await countNotAtOffice()) === 0) return true;
  const exported = (await (await database()).get("facts", "exported")) as { held: string[] } | undefined;
  const held = new Set(exported?.held ?? []);
  const { entries, files } = await notAtOffice();
  return entries.every((row) => held.has(row.entry_id)) && files.every((row) => held.has(row.attachment_id));
}

/** Throws when something would be lost. */
export async function wipe(): Promise<void> {
  if (!(await mayWipe())) throw new Error("something is not at the office");
  await withdraw();
  forgetDevice();
  (await database()).close();
  await new Promise<void>((done, failed) => {
    const request = indexedDB.deleteDatabase(NAME);
    request.onsuccess = () => done();
    request.onerror = () => failed(request.error);
  });
}
