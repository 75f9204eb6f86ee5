// What the office says: where the cases stand, what it has kept, and whether it has lost something.
import { now } from "../device/clock.ts";
import type { Session } from "../device/session.ts";
import { outboxKey } from "../device/vault.ts";
import type { CaseView, OfficeView } from "../stand/types.ts";
import { database, fact, note } from "../store/db.ts";
import { openJson, sealJson } from "../store/sealing.ts";
import { askJson, Problem } from "./http.ts";

export const KEPT_DAYS = 14;
const KEPT_MS = KEPT_DAYS * 24 * 3600_000;

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
    await takeOver(told.cases);
    await note("cursor", told.cursor);
    await note("durable_through", told.durable_through);
    more = told.more;
  }
}

/** The office came back from a backup: everything of the last 14 days is sent again, and it takes each once. */
export async function startOver(): Promise<void> {
  const db = await database();
  const since = now() - KEPT_MS;
  const tx = db.transaction(["entries", "files", "tills", "facts"], "readwrite", { durability: "strict" });
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
    ...tills.map((row) => tx.objectStore("tills").put({ ...row, told: false, closed: false })),
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

async function takeOver(cases: Changed[]): Promise<void> {
  const db = await database();
  const key = outboxKey();
  for (const { case_id, state, version, reason } of cases) {
    const row = await db.get("cases", case_id);
    if (!row) continue; // of another device
    await navigator.locks.request("wanderamt-outbox", async () => {
      const fresh = await db.get("cases", case_id);
      if (!fresh) return;
      const view = await openJson<CaseView>(key, "cases", case_id, fresh.sealed);
      const office = { state, version, reason };
      await db.put("cases", { ...fresh, sealed: await sealJson(key, "cases", case_id, { ...view, office }) });
    });
  }
}

/** What is durable at the office and older than 14 days is not needed here any more. */
export async function tidy(): Promise<void> {
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
    await tx
      .objectStore("pieces")
      .delete(IDBKeyRange.bound([row.attachment_id, 0], [row.attachment_id, Number.MAX_SAFE_INTEGER]));
  }
  const gone = new Set(old.map((row) => row.case_id).filter((one) => !kept.has(one)));
  for (const caseId of gone) await tx.objectStore("cases").delete(caseId);
  await tx.done;
}
