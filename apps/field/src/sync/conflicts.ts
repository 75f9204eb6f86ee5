// Fields that two devices changed: both values are shown, a person decides, and until then the entry stays on the list.
import type { Session } from "../device/session.ts";
import { entriesIn, revise } from "../store/outbox.ts";
import { ask, askJson } from "./http.ts";

export interface Conflict {
  conflict_id: string;
  case_id: string;
  entry_id: string;
  name: string;
  base: string | number | boolean | null;
  here: string | number | boolean | null;
  theirs: string | number | boolean | null;
}

export function openConflicts(session: Session): Promise<Conflict[]> {
  return askJson<Conflict[]>(`/stands/${session.stand.stand_id}/conflicts`, { token: session.token });
}

export async function decide(session: Session, conflict: Conflict, take: "here" | "theirs"): Promise<void> {
  await ask(`/conflicts/${conflict.conflict_id}/decide`, { token: session.token, json: { take } });
  await resolveConflicts(session);
}

/** Entries whose fields were all decided, here or in the office, are at the office. */
export async function resolveConflicts(session: Session): Promise<void> {
  const own = (await entriesIn(["conflict"])).filter((row) => row.stand_id === session.stand.stand_id);
  if (!own.length) return;
  const open = new Set((await openConflicts(session)).map((one) => one.entry_id));
  const decided = own.map((row) => row.entry_id).filter((id) => !open.has(id));
  await revise("entries", decided, (row) => ({ ...row, state: "accepted", code: "", hint: "" }));
}
