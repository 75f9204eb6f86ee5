// Photos of papers: from the camera or a file, scaled down until they are readable and small.
import { v7 } from "uuid";
import type { Captured } from "../store/outbox.ts";

const LONGEST = 1800; // pixels: an A4 page stays readable
const MOST_BYTES = 700_000;
const QUALITIES = [0.8, 0.65, 0.5, 0.35];
const PDF_MOST = 10 * 1024 * 1024;

export class PictureWrong extends Error {
  override name = "PictureWrong";
}

/** JPEG, or a PDF as it is. Throws PictureWrong for what is neither, or too large. */
export async function capture(source: Blob | HTMLVideoElement): Promise<Captured> {
  if (source instanceof Blob && source.type === "application/pdf") {
    if (source.size > PDF_MOST) throw new PictureWrong("picture.large");
    return { attachment_id: v7(), kind: source.type, bytes: new Uint8Array(await source.arrayBuffer()) };
  }
  const bitmap = await createImageBitmap(source).catch(() => {
    throw new PictureWrong("picture.unreadable");
  });
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, bitmap.width * scale), Math.max(1, bitmap.height * scale));
  canvas.getContext("2d")!.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  let blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITIES[0]! });
  for (const quality of QUALITIES.slice(1)) {
    if (blob.size <= MOST_BYTES) break;
    blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  }
  return { attachment_id: v7(), kind: "image/jpeg", bytes: new Uint8Array(await blob.arrayBuffer()) };
}

export type CameraTrouble = "camera.denied" | "camera.missing" | "camera.busy";

/** The camera on the back. Throws an Error whose message is a CameraTrouble. */
export async function camera(video: HTMLVideoElement): Promise<MediaStream> {
  try {
    const wanted = { video: { facingMode: "environment", width: { ideal: 1920 } }, audio: false };
    const stream = await navigator.mediaDevices.getUserMedia(wanted);
    video.srcObject = stream;
    await video.play();
    return stream;
  } catch (error) {
    throw new Error(troubleOf(error));
  }
}

function troubleOf(error: unknown): CameraTrouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "camera.denied";
  return name === "NotReadableError" || name === "AbortError" ? "camera.busy" : "camera.missing";
}
