// What the office says: where the cases stand, what it has kept, and whether it has lost something.
import { now } from "../device/clock.ts";
import type { Session } from "../device/session.ts";
import type { OfficeView } from "../stand/types.ts";
import { database, fact, note, piecesOf, STRICT } from "../store/db.ts";
import { alone, noteOffice } from "../store/outbox.ts";
import { askJson, Problem } from "./http.ts";

const KEPT_MS = 14 * 24 * 3600_000;
const TIDY_MS = 3600_000;

interface Changed extends OfficeView {
  case_id: string;
}

interface Changes {
  cases: Changed[];
  cursor: string;
  more: boolean;
  reset: boolean;
  durable_through: number;
}

/** Throws NoAnswer or Problem. */
export async function pull(session: Session): Promise<void> {
  for (let more = true; more; ) {
    const cursor = (await fact<string>("cursor")) ?? "";
    const acked = (await fact<number>("acked")) ?? 0;
    const asked = new URLSearchParams({ cursor, acked: String(acked) });
    const told = await askJson<Changes>(`/changes?${asked}`, { token: session.token }).catch(async (error: unknown) => {
      if (error instanceof Problem && error.code === "changes.cursor" && cursor) await note("cursor", ""); // from the start
      throw error;
    });
    if (told.reset) await startOver();
    for (const { case_id, state, version, reason } of told.cases) await noteOffice(case_id, { state, version, reason });
    await note("cursor", told.cursor);
    await note("durable_through", told.durable_through);
    more = told.more;
  }
}

/** The office came back from a backup: everything of the last 14 days is sent again, and it takes each once. */
export function startOver(): Promise<void> {
  return alone(startOverAlone);
}

async function startOverAlone(): Promise<void> {
  const db = await database();
  const since = now() - KEPT_MS;
  const tx = db.transaction(["entries", "files", "tills", "facts"], "readwrite", STRICT);
  const [entries, files, tills] = await Promise.all([
    tx.objectStore("entries").getAll(),
    tx.objectStore("files").getAll(),
    tx.objectStore("tills").getAll(),
  ]);
  const again = entries.filter((row) => row.written_at >= since && row.state !== "refused" && row.state !== "replaced");
  await Promise.all([
    ...again.map((row) => tx.objectStore("entries").put({ ...row, state: "device", code: "", hint: "" })),
    ...files
      .filter((row) => row.written_at >= since && row.state !== "refused")
      .map((row) => tx.objectStore("files").put({ ...row, state: "device", sent: 0, code: "", hint: "" })),
    ...tills.map((row) => tx.objectStore("tills").put({ ...row, told: false })),
    tx.objectStore("facts").put(0, "acked"),
    tx.objectStore("facts").put("", "cursor"),
    tx.objectStore("facts").put(true, "leases_to_show"),
    tx.done,
  ]);
}

/** Shows the office the leases it may have forgotten, before entries with their numbers come. */
export async function showLeases(session: Session): Promise<void> {
  if (!(await fact<boolean>("leases_to_show"))) return;
  const leases = (await (await database()).getAll("blocks")).map((block) => block.lease);
  for (const lease of leases) {
    await askJson("/numbers/blocks/put-back", { token: session.token, json: { leases: [lease] } }).catch((error) => {
      if (!(error instanceof Problem) || error.code !== "number.lease_forged") throw error; // one is no reason to hold back the others
    });
  }
  await note("leases_to_show", false);
}

let tidiedAt = Number.NEGATIVE_INFINITY;

/** What is durable at the office and older than 14 days is not needed here any more. Looked at once an hour. */
export async function tidy(): Promise<void> {
  if (performance.now() - tidiedAt < TIDY_MS) return;
  tidiedAt = performance.now();
  const durable = (await fact<number>("durable_through")) ?? 0;
  const before = now() - KEPT_MS;
  const tx = (await database()).transaction(["entries", "files", "pieces", "cases"], "readwrite");
  const entries = await tx.objectStore("entries").getAll();
  const old = entries.filter(
    (row) =>
      ((row.state === "accepted" && row.device_seq <= durable) || row.state === "replaced") && row.written_at < before,
  );
  const kept = new Set(entries.filter((row) => !old.includes(row)).map((row) => row.case_id));
  for (const row of old) await tx.objectStore("entries").delete(row.entry_id);
  for (const row of await tx.objectStore("files").getAll()) {
    if (row.state !== "accepted" || row.written_at >= before || kept.has(row.case_id)) continue;
    await tx.objectStore("files").delete(row.attachment_id);
    await tx.objectStore("pieces").delete(piecesOf(row.attachment_id));
  }
  const gone = new Set(old.map((row) => row.case_id).filter((one) => !kept.has(one)));
  for (const caseId of gone) await tx.objectStore("cases").delete(caseId);
  await tx.done;
}
