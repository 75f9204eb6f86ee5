// Sends the tills to the office: opened and closed on the device, also without a network.

import type { TillRow } from "../model/rows.ts";
import { database } from "../platform/database.ts";
import { ProblemError, requestJson } from "../platform/http.ts";
import type { Session } from "../session/session.ts";
import { updateRows } from "../store/outbox.ts";

export interface TillClosing {
  difference_cents: number | null;
}

/** Throws NoAnswerError or ProblemError. */
export async function pushTills(session: Session): Promise<void> {
  for (const till of await (await database()).getAll("tills")) {
    if (till.told) continue;
    await requestJson("/tills", {
      token: session.token,
      json: { till_id: till.till_id, float_cents: till.float_cents },
    });
    if (till.closed) await repeatClosing(session, till);
    await updateRows("tills", [till.till_id], (row) => ({ ...row, told: true }));
  }
}

/** Closes the till at the office. The office refuses a difference without a note, or missing receipts
 * (ProblemError). */
export async function closeTill(session: Session, till: TillRow, counted: number, text: string): Promise<TillClosing> {
  const closing = await postClosing(session, { ...till, counted_cents: counted, note: text });
  const change = { told: true, counted_cents: counted, note: text, closed: true };
  await updateRows("tills", [till.till_id], (row) => ({ ...row, ...change }));
  return closing;
}

/** After a restore. A till that is already closed at the office is fine. */
async function repeatClosing(session: Session, till: TillRow): Promise<void> {
  await postClosing(session, till).catch((error: unknown) => {
    if (!(error instanceof ProblemError) || error.code !== "till.closed") throw error;
  });
}

function postClosing(session: Session, { till_id, counted_cents, receipts, note }: TillRow): Promise<TillClosing> {
  return requestJson(`/tills/${till_id}/close`, { token: session.token, json: { counted_cents, receipts, note } });
}
