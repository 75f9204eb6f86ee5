// Photos and signatures of a form: stored sealed at once, so that they survive a reload, and sent with the form.
import { type Bytes, concatBytes } from "../platform/bytes.ts";
import { DURABLE, database, piecesRange } from "../platform/database.ts";
import { outboxKey } from "../platform/vault.ts";
import { type CapturedFile, type FileMetadata, toFileRows } from "./outbox.ts";
import { unseal, unsealJson } from "./sealing.ts";

/** Throws QuotaExceededError if the disk is full; then nothing is stored. */
export async function saveDraftFile(caseId: string, file: CapturedFile): Promise<void> {
  const { row, pieces } = await toFileRows(outboxKey(), caseId, file);
  const tx = (await database()).transaction(["files", "pieces"], "readwrite", DURABLE);
  const writes: Promise<unknown>[] = [tx.objectStore("files").add({ ...row, state: "draft" })];
  pieces.forEach((sealed, place) => {
    writes.push(tx.objectStore("pieces").add({ attachment_id: row.attachment_id, place, sealed }));
  });
  await Promise.all([...writes, tx.done]);
}

/** Null if it is not on this device. */
export async function loadFile(attachmentId: string): Promise<{ kind: string; bytes: Bytes } | null> {
  const db = await database();
  const row = await db.get("files", attachmentId);
  if (!row) return null;
  const key = outboxKey();
  const { kind } = await unsealJson<FileMetadata>(key, "attachments", attachmentId, row.sealed);
  const sealed = await db.getAll("pieces", piecesRange(attachmentId));
  const parts = sealed.map((piece) => unseal(key, "pieces", `${attachmentId}/${piece.place}`, piece.sealed));
  return { kind, bytes: concatBytes(...(await Promise.all(parts))) };
}

/** Whether the file was drawn on this device as a signature; undefined if the file is not here any more. */
export async function isSignature(attachmentId: string): Promise<boolean | undefined> {
  const row = await (await database()).get("files", attachmentId);
  if (!row) return undefined;
  const metadata = await unsealJson<FileMetadata>(outboxKey(), "attachments", attachmentId, row.sealed);
  return metadata.signature === true;
}
