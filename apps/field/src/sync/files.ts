// Sends photos to the office in pieces (tus 1.0). After an interruption the upload continues at the confirmed offset.

import type { FileRow } from "../model/rows.ts";
import { encodeUtf8, toBase64 } from "../platform/bytes.ts";
import { database } from "../platform/database.ts";
import { NoAnswerError, ProblemError, request } from "../platform/http.ts";
import { adaptiveBatchSize } from "../platform/request_size.ts";
import { outboxKey } from "../platform/vault.ts";
import type { Session } from "../session/session.ts";
import { type FileMetadata, filesByState, PIECE_BYTES, updateRows } from "../store/outbox.ts";
import { unseal, unsealJson } from "../store/sealing.ts";

const TUS = { "Tus-Resumable": "1.0.0" };
const MAX_FAILURES = 3; // failures in a row after which the network counts as gone

/** Returns the number of completed uploads. Throws NoAnswerError, or a ProblemError about the session. */
export async function pushFiles(session: Session): Promise<number> {
  const rows = await filesByState(["device", "sent"]);
  let [done, unanswered] = [0, 0];
  let lastError: NoAnswerError | null = null;
  for (const row of rows) {
    try {
      await pushFile(session, row);
      [done, unanswered] = [done + 1, 0];
    } catch (error) {
      if (error instanceof NoAnswerError) {
        lastError = error;
        unanswered += 1;
        if (unanswered >= MAX_FAILURES) throw error;
      } else if (error instanceof ProblemError && error.code === "attachment.too_many") {
        break; // the office limits unfinished uploads: the next contact completes those first
      } else if (error instanceof ProblemError && !error.isTransient && !error.concernsSession) {
        await updateFile(row.attachment_id, { state: "refused", code: error.code, hint: error.hint });
      } else throw error;
    }
  }
  if (lastError) throw lastError;
  return done;
}

async function pushFile(session: Session, row: FileRow): Promise<void> {
  const key = outboxKey();
  const metadata = await unsealJson<FileMetadata>(key, "attachments", row.attachment_id, row.sealed);
  let offset = await announce(session, metadata);
  await updateFile(row.attachment_id, { state: "sent", sent: offset });
  for (let failures = 0; offset < metadata.length; ) {
    const place = Math.floor(offset / PIECE_BYTES);
    const piece = await (await database()).get("pieces", [row.attachment_id, place]);
    if (!piece) throw new ProblemError(410, "attachment.gone", "");
    const plain = await unseal(key, "pieces", `${row.attachment_id}/${place}`, piece.sealed);
    const start = offset - place * PIECE_BYTES;
    const body = plain.slice(start, start + adaptiveBatchSize());
    try {
      const answer = await request(`/attachments/${row.attachment_id}`, {
        method: "PATCH",
        token: session.token,
        body,
        payloadBytes: body.length,
        headers: { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) },
      });
      offset = Number(answer.headers.get("upload-offset"));
    } catch (error) {
      const resumable =
        error instanceof ProblemError &&
        ["attachment.offset", "attachment.hash", "attachment.complete"].includes(error.code);
      if (!resumable || ++failures > MAX_FAILURES) throw error;
      offset = await announce(session, metadata); // the office answers with its offset
    }
    await updateFile(row.attachment_id, { sent: offset });
  }
  await updateFile(row.attachment_id, { state: "accepted", sent: metadata.length, code: "", hint: "" });
}

/** Creates the upload, or finds it. Returns the number of bytes at the office. */
async function announce(session: Session, file: FileMetadata): Promise<number> {
  const metadata = {
    attachment_id: file.attachment_id,
    case_id: file.case_id,
    sha256: file.sha256,
    filetype: file.kind,
    ...(file.signature && { purpose: "signature" }),
  };
  const encoded = Object.entries(metadata).map(([name, value]) => `${name} ${toBase64(encodeUtf8(value))}`);
  const answer = await request("/attachments", {
    method: "POST",
    token: session.token,
    headers: { ...TUS, "Upload-Length": String(file.length), "Upload-Metadata": encoded.join(",") },
  });
  const offset = Number(answer.headers.get("upload-offset"));
  if (!Number.isInteger(offset)) throw new NoAnswerError("no offset");
  return offset;
}

function updateFile(attachmentId: string, changes: Partial<FileRow>): Promise<void> {
  return updateRows("files", [attachmentId], (row) => ({ ...row, ...changes }));
}
