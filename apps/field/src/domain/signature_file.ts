// Stores a drawn signature as a PNG that is marked as one.
import { v7 } from "uuid";
import { saveDraftFile } from "../store/draft_files.ts";

/** Returns the id of the attachment. */
export async function saveSignature(caseId: string, canvas: HTMLCanvasElement): Promise<string> {
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("picture.unreadable");
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const attachment_id = v7();
  await saveDraftFile(caseId, { attachment_id, kind: "image/png", bytes, signature: true });
  return attachment_id;
}
