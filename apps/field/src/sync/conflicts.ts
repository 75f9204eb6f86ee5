// Conflicts: fields that two devices changed. A clerk decides between the two values; until then the entry stays
// unsynced.

import type { JsonValue } from "../model/facts.ts";
import { request, requestJson } from "../platform/http.ts";
import type { Session } from "../session/session.ts";
import { entriesByState, updateRows } from "../store/outbox.ts";

export interface Conflict {
  conflict_id: string;
  case_id: string;
  entry_id: string;
  name: string;
  base: JsonValue;
  here: JsonValue;
  theirs: JsonValue;
}

export function fetchConflicts(session: Session): Promise<Conflict[]> {
  return requestJson<Conflict[]>(`/stands/${session.stand.stand_id}/conflicts`, { token: session.token });
}

export async function decideConflict(session: Session, conflict: Conflict, take: "here" | "theirs"): Promise<void> {
  await request(`/conflicts/${conflict.conflict_id}/decide`, { token: session.token, json: { take } });
  await acceptDecidedEntries(session);
}

/** Marks entries as accepted after all their conflicts were decided, on this device or at the office. */
export async function acceptDecidedEntries(session: Session): Promise<void> {
  const rows = (await entriesByState(["conflict"])).filter((row) => row.stand_id === session.stand.stand_id);
  if (!rows.length) return;
  const openEntryIds = new Set((await fetchConflicts(session)).map((conflict) => conflict.entry_id));
  const decided = rows.map((row) => row.entry_id).filter((id) => !openEntryIds.has(id));
  await updateRows("entries", decided, (row) => ({ ...row, state: "accepted", code: "", hint: "" }));
}
