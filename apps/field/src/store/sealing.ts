// Sealing of data stored on the device: AES-256-GCM with the outbox key and a fresh nonce per record; the record's
// store and id are authenticated with it. The office derives the same key; `wanderamt devices import` reads sealed
// exports.
import { type Bytes, concatBytes, decodeUtf8, encodeUtf8, toHex } from "../platform/bytes.ts";

const NONCE_BYTES = 12;

export type SealedStore = "entries" | "attachments" | "pieces" | "cases" | "bundle";

export class UnsealError extends Error {
  override name = "UnsealError";
}

export async function seal(key: CryptoKey, store: SealedStore, id: string, plain: Bytes): Promise<Bytes> {
  const nonce = crypto.getRandomValues(new Uint8Array(NONCE_BYTES));
  const text = await crypto.subtle.encrypt(
    { name: "AES-GCM", iv: nonce, additionalData: additionalData(store, id) },
    key,
    plain,
  );
  return concatBytes(nonce, new Uint8Array(text));
}

/** Throws UnsealError if the data was changed, moved, or sealed with another key. */
export async function unseal(key: CryptoKey, store: SealedStore, id: string, sealed: Bytes): Promise<Bytes> {
  try {
    const iv = sealed.subarray(0, NONCE_BYTES);
    const parameters = { name: "AES-GCM", iv, additionalData: additionalData(store, id) };
    return new Uint8Array(await crypto.subtle.decrypt(parameters, key, sealed.subarray(NONCE_BYTES)));
  } catch {
    throw new UnsealError(`${store} ${id}`);
  }
}

export const nonceOf = (sealed: Bytes): string => toHex(sealed.subarray(0, NONCE_BYTES));

export const sealJson = (key: CryptoKey, store: SealedStore, id: string, value: unknown): Promise<Bytes> =>
  seal(key, store, id, encodeUtf8(JSON.stringify(value)));

export async function unsealJson<T>(key: CryptoKey, store: SealedStore, id: string, sealed: Bytes): Promise<T> {
  return JSON.parse(decodeUtf8(await unseal(key, store, id, sealed))) as T;
}

function additionalData(store: SealedStore, id: string): Bytes {
  return encodeUtf8(`${store}|${id}`);
}
