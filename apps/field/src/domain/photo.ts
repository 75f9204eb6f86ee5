// Photos of documents, from the camera or a file: scaled down, small but readable.
import { v7 } from "uuid";
import type { CapturedFile } from "../store/outbox.ts";

const MAX_EDGE_PX = 1800; // an A4 page stays readable
const MAX_PHOTO_BYTES = 700_000;
const QUALITIES = [0.8, 0.65, 0.5, 0.35];
const MAX_PDF_BYTES = 10 * 1024 * 1024;

export class InvalidPhotoError extends Error {
  override name = "InvalidPhotoError";
}

/** Returns a JPEG, or the unchanged PDF. Throws InvalidPhotoError if the file is neither, or too large. */
export async function capturePhoto(source: Blob | HTMLVideoElement): Promise<CapturedFile> {
  if (source instanceof Blob && source.type === "application/pdf") {
    if (source.size > MAX_PDF_BYTES) throw new InvalidPhotoError("picture.large");
    return { attachment_id: v7(), kind: source.type, bytes: new Uint8Array(await source.arrayBuffer()) };
  }
  const bitmap = await createImageBitmap(source).catch(() => {
    throw new InvalidPhotoError("picture.unreadable");
  });
  const scale = Math.min(1, MAX_EDGE_PX / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, bitmap.width * scale), Math.max(1, bitmap.height * scale));
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#fff"; // a JPEG has no transparency: black ink on nothing would become all black
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  let blob = await canvas.convertToBlob({ type: "image/jpeg", quality: QUALITIES[0]! });
  for (const quality of QUALITIES.slice(1)) {
    if (blob.size <= MAX_PHOTO_BYTES) break;
    blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
  }
  return { attachment_id: v7(), kind: "image/jpeg", bytes: new Uint8Array(await blob.arrayBuffer()) };
}

export type CameraFailure = "camera.denied" | "camera.missing" | "camera.busy";

/** Opens the rear camera. Throws an Error whose message is a CameraFailure. */
export async function openCamera(video: HTMLVideoElement): Promise<MediaStream> {
  try {
    const constraints = { video: { facingMode: "environment", width: { ideal: 1920 } }, audio: false };
    const stream = await navigator.mediaDevices.getUserMedia(constraints);
    video.srcObject = stream;
    await video.play();
    return stream;
  } catch (error) {
    throw new Error(cameraFailure(error));
  }
}

function cameraFailure(error: unknown): CameraFailure {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "camera.denied";
  return name === "NotReadableError" || name === "AbortError" ? "camera.busy" : "camera.missing";
}
