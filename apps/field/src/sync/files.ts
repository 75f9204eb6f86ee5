// Photos to the office, piece by piece (tus 1.0): what arrived before a cut is not sent again.
import type { Session } from "../device/session.ts";
import { outboxKey } from "../device/vault.ts";
import { database, type FileRow } from "../store/db.ts";
import { filesIn, PIECE_BYTES, revise } from "../store/outbox.ts";
import { bytesOf, open, openJson, toBase64 } from "../store/sealing.ts";
import { ask, NoAnswer, Problem } from "./http.ts";
import { atOnce } from "./pace.ts";

const TUS = { "Tus-Resumable": "1.0.0" };
const PATIENCE = 3; // unanswered in a row: the network is gone

interface About {
  attachment_id: string;
  case_id: string;
  kind: string;
  length: number;
  sha256: string;
}

/** How many files are whole at the office now. Throws NoAnswer, or a Problem about the session. */
export async function pushFiles(session: Session): Promise<number> {
  const rows = await filesIn(["device", "sent"]);
  let [done, unanswered] = [0, 0];
  let last: NoAnswer | null = null;
  for (const row of rows) {
    try {
      await pushFile(session, row);
      [done, unanswered] = [done + 1, 0];
    } catch (error) {
      if (error instanceof NoAnswer) {
        last = error;
        unanswered += 1;
        if (unanswered >= PATIENCE) throw error;
      } else if (error instanceof Problem && error.code === "attachment.too_many") {
        break; // those that are half sent come first
      } else if (error instanceof Problem && !error.passes && !error.ofSession) {
        await mark(row.attachment_id, { state: "refused", code: error.code, hint: error.hint });
      } else throw error;
    }
  }
  if (last) throw last;
  return done;
}

async function pushFile(session: Session, row: FileRow): Promise<void> {
  const key = outboxKey();
  const about = await openJson<About>(key, "attachments", row.attachment_id, row.sealed);
  let offset = await announce(session, about);
  await mark(row.attachment_id, { state: "sent", sent: offset });
  for (let broken = 0; offset < about.length; ) {
    const place = Math.floor(offset / PIECE_BYTES);
    const piece = await (await database()).get("pieces", [row.attachment_id, place]);
    if (!piece) throw new Problem(410, "attachment.gone", "");
    const plain = await open(key, "pieces", `${row.attachment_id}/${place}`, piece.sealed);
    const begin = offset - place * PIECE_BYTES;
    const body = plain.slice(begin, begin + atOnce());
    try {
      const answer = await ask(`/attachments/${row.attachment_id}`, {
        method: "PATCH",
        token: session.token,
        body,
        weight: body.length,
        headers: { ...TUS, "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(offset) },
      });
      offset = Number(answer.headers.get("upload-offset"));
    } catch (error) {
      const again =
        error instanceof Problem &&
        ["attachment.offset", "attachment.hash", "attachment.complete"].includes(error.code);
      if (!again || ++broken > PATIENCE) throw error;
      offset = await announce(session, about); // the office says how far it came
    }
    await mark(row.attachment_id, { sent: offset });
  }
  await mark(row.attachment_id, { state: "accepted", sent: about.length, code: "", hint: "" });
}

/** How many bytes are there. */
async function announce(session: Session, about: About): Promise<number> {
  const said = {
    attachment_id: about.attachment_id,
    case_id: about.case_id,
    sha256: about.sha256,
    filetype: about.kind,
  };
  const metadata = Object.entries(said).map(([name, value]) => `${name} ${toBase64(bytesOf(value))}`);
  const answer = await ask("/attachments", {
    method: "POST",
    token: session.token,
    headers: { ...TUS, "Upload-Length": String(about.length), "Upload-Metadata": metadata.join(",") },
  });
  const offset = Number(answer.headers.get("upload-offset"));
  if (!Number.isInteger(offset)) throw new NoAnswer("no offset");
  return offset;
}

function mark(attachmentId: string, as: Partial<FileRow>): Promise<void> {
  return revise("files", [attachmentId], (row) => ({ ...row, ...as }));
}
