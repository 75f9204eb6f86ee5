// Sealing of what lies on the device: AES-256-GCM under the outbox key, a fresh nonce each, the place bound in.
// The office can open it: it derives the same key. `wanderamt field import` reads what was sealed here.
const NONCE_BYTES = 12;

export type Bytes = Uint8Array<ArrayBuffer>;
export type Store = "entries" | "attachments" | "pieces" | "cases" | "bundle";

export class Unreadable extends Error {
  override name = "Unreadable";
}

export async function seal(key: CryptoKey, store: Store, id: string, plain: Bytes): Promise<Bytes> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const text = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: nonce, additionalData: bound(store, id) },
    key,
    plain,
  );
  return joined(nonce, new Uint8Array(text));
}

/** Throws Unreadable for what was changed, moved, or sealed under another key. */
export async function open(key: CryptoKey, store: Store, id: string, sealed: Bytes): Promise<Bytes> {
  try {
    const iv = sealed.subarray(0, NONCE_BYTES);
    const how = { name: "AES-GCM", iv, additionalData: bound(store, id) };
    return new Uint8Array(await crypto.subtle.decrypt(how, key, sealed.subarray(NONCE_BYTES)));
  } catch {
    throw new Unreadable(`${store} ${id}`);
  }
}

export const nonceOf = (sealed: Bytes): string => toHex(sealed.subarray(0, NONCE_BYTES));

export const sealJson = (key: CryptoKey, store: Store, id: string, value: unknown): Promise<Bytes> =>
  seal(key, store, id, bytesOf(JSON.stringify(value)));

export async function openJson<T>(key: CryptoKey, store: Store, id: string, sealed: Bytes): Promise<T> {
  return JSON.parse(textOf(await open(key, store, id, sealed))) as T;
}

export function bytesOf(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Bytes): string {
  return new TextDecoder().decode(bytes);
}

export function joined(...parts: Uint8Array[]): Bytes {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** As gzip. */
export async function packed(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

export function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}

/** Throws for what is no base64. Takes the form for addresses, too. */
export function fromBase64(text: string): Bytes {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
}

export function toBase64Url(bytes: Uint8Array): string {
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bound(store: Store, id: string): Bytes {
  return bytesOf(`${store}|${id}`);
}
