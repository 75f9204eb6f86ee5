// The till: opened and closed on the device, told to the office when it can be reached.
import type { Session } from "../device/session.ts";
import { database, type TillRow } from "../store/db.ts";
import { changed } from "../store/live.ts";
import { askJson } from "./http.ts";

export interface Reckoning {
  till_id: string;
  float_cents: number;
  cash_in_cents: number;
  cash_out_cents: number;
  card_in_cents: number;
  card_out_cents: number;
  waived: number;
  receipts: number;
  late_receipts: number;
  expected_cents: number;
  counted_cents: number | null;
  difference_cents: number | null;
}

/** Throws NoAnswer or Problem. */
export async function pushTills(session: Session): Promise<void> {
  const db = await database();
  for (const till of await db.getAll("tills")) {
    if (till.told) continue;
    await askJson("/tills", { token: session.token, json: { till_id: till.till_id, float_cents: till.float_cents } });
    await db.put("tills", { ...till, told: true });
    changed();
  }
}

/** Counts and closes at the office. A difference without a note is refused, and so is one with receipts on the way. */
export async function closeTill(session: Session, till: TillRow, counted: number, text: string): Promise<Reckoning> {
  const json = { counted_cents: counted, receipts: till.receipts, note: text };
  const told = await askJson<Reckoning>(`/tills/${till.till_id}/close`, { token: session.token, json });
  const db = await database();
  await db.put("tills", { ...till, told: true, counted_cents: counted, note: text, closed: true });
  changed();
  return told;
}
