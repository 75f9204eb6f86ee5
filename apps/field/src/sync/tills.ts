// The till: opened and closed on the device, told to the office when it can be reached.
import type { Session } from "../device/session.ts";
import { database, type TillRow } from "../store/db.ts";
import { revise } from "../store/outbox.ts";
import { askJson, Problem } from "./http.ts";

export interface Reckoning {
  difference_cents: number | null;
}

/** Throws NoAnswer or Problem. */
export async function pushTills(session: Session): Promise<void> {
  for (const till of await (await database()).getAll("tills")) {
    if (till.told) continue;
    await askJson("/tills", { token: session.token, json: { till_id: till.till_id, float_cents: till.float_cents } });
    if (till.closed) await closeAgain(session, till);
    await revise("tills", [till.till_id], (row) => ({ ...row, told: true }));
  }
}

/** Counts and closes at the office. A difference without a note is refused, and so is one with receipts on the way. */
export async function closeTill(session: Session, till: TillRow, counted: number, text: string): Promise<Reckoning> {
  const told = await close(session, { ...till, counted_cents: counted, note: text });
  const how = { told: true, counted_cents: counted, note: text, closed: true };
  await revise("tills", [till.till_id], (row) => ({ ...row, ...how }));
  return told;
}

/** After a restore; one that is closed there already is as it should be. */
async function closeAgain(session: Session, till: TillRow): Promise<void> {
  await close(session, till).catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== "till.closed") throw error;
  });
}

function close(session: Session, { till_id, counted_cents, receipts, note }: TillRow): Promise<Reckoning> {
  return askJson(`/tills/${till_id}/close`, { token: session.token, json: { counted_cents, receipts, note } });
}
