// The outbox key on the device. The office issues it after a sign-in. It is stored wrapped twice: with a key derived
// from the clerk's PIN, and with a key that cannot leave this browser, so that the PIN cannot be guessed from a copied
// disk.
// Invariants: if the wrapped key is deleted (device revoked, ten wrong PINs), the sealed data stays, but nobody can
// read it on this device.

import { type Bytes, concatBytes } from "./bytes.ts";
import { deleteFacts, getFact, setFact } from "./database.ts";

const PBKDF2_ITERATIONS = 600_000; // with SHA-256, as OWASP recommends since 2023
const MAX_PIN_ATTEMPTS = 10;
export const PIN_DIGITS = 6;

interface WrappedKey {
  salt: Bytes;
  nonce: Bytes;
  outer: Bytes;
  text: Bytes;
  shell: CryptoKey;
  wrong: number;
}

interface HeldKey {
  key: CryptoKey;
  touched: number;
}

let key: CryptoKey | null = null;
let locked = true;
let lockAfterMs = 300_000;
let lastActivityAt = 0;

export class WrongPinError extends Error {
  override name = "WrongPinError";
  readonly attemptsLeft: number;
  constructor(attemptsLeft: number) {
    super("wrong pin");
    this.attemptsLeft = attemptsLeft;
  }
}

/** The key that seals stored data. It remains usable while the screen is locked, so that the outbox is still sent. */
export function outboxKey(): CryptoKey {
  if (!key) throw new Error("the outbox is locked");
  return key;
}

export const hasKey = (): boolean => key !== null;
export const isLocked = (): boolean => locked;

/** Restores the key after the tab was closed or killed, unless the device was idle for longer than `idleLimitMs`. */
export async function restoreKey(idleLimitMs: number): Promise<void> {
  lockAfterMs = idleLimitMs;
  const held = await getFact<HeldKey>("key");
  if (!held) return;
  if (Math.abs(Date.now() - held.touched) > lockAfterMs) {
    await deleteFacts("key");
    return;
  }
  key = held.key;
  locked = false;
  lastActivityAt = Date.now();
}

/** Stores the key wrapped with the PIN. `raw`: 32 bytes, from the office. */
export async function storeKey(raw: Bytes, pin: string): Promise<void> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const outer = crypto.getRandomValues(new Uint8Array(12));
  const shell = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const inner = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, await derivePinKey(pin, salt), raw);
  const text = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: outer }, shell, inner));
  await setFact("wrapped", { salt, nonce, outer, text, shell, wrong: 0 } satisfies WrappedKey);
  await activateKey(raw);
}

export async function hasPin(): Promise<boolean> {
  return (await getFact<WrappedKey>("wrapped")) !== undefined;
}

/** Throws WrongPinError with the number of attempts left. After the last one the clerk signs in again; no data is
 * lost. */
export async function unlock(pin: string): Promise<void> {
  const wrapped = await getFact<WrappedKey>("wrapped");
  if (!wrapped) throw new WrongPinError(0);
  const inner = await crypto.subtle.decrypt({ name: "AES-GCM", iv: wrapped.outer }, wrapped.shell, wrapped.text);
  let raw: ArrayBuffer;
  try {
    const pinKey = await derivePinKey(pin, wrapped.salt);
    raw = await crypto.subtle.decrypt({ name: "AES-GCM", iv: wrapped.nonce }, pinKey, inner);
  } catch {
    const attemptsLeft = MAX_PIN_ATTEMPTS - wrapped.wrong - 1;
    if (attemptsLeft > 0) await setFact("wrapped", { ...wrapped, wrong: wrapped.wrong + 1 });
    else await deleteFacts("wrapped", "key");
    throw new WrongPinError(attemptsLeft);
  }
  if (wrapped.wrong) await setFact("wrapped", { ...wrapped, wrong: 0 });
  await activateKey(new Uint8Array(raw));
}

/** Locks the screen; a restarted tab needs the PIN. While this tab lives, it still sends the outbox. */
export async function lock(): Promise<void> {
  locked = true;
  await deleteFacts("key");
}

/** Deletes the keys after a revocation: the sealed data stays on the device, but cannot be read. */
export async function discardKeys(): Promise<void> {
  key = null;
  locked = true;
  await deleteFacts("key", "wrapped");
}

/** Postpones the lock: the clerk has used the device. */
export function recordActivity(): void {
  const previous = lastActivityAt;
  lastActivityAt = Date.now();
  if (key && !locked && lastActivityAt - previous > 15_000)
    void setFact("key", { key, touched: lastActivityAt } satisfies HeldKey);
}

export function isIdle(): boolean {
  return key !== null && !locked && Date.now() - lastActivityAt > lockAfterMs;
}

async function activateKey(raw: Bytes): Promise<void> {
  key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  locked = false;
  lastActivityAt = Date.now();
  await setFact("key", { key, touched: lastActivityAt } satisfies HeldKey);
}

async function derivePinKey(pin: string, salt: Bytes): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", concatBytes(new TextEncoder().encode(pin)), "PBKDF2", false, [
    "deriveKey",
  ]);
  const parameters = { name: "PBKDF2", hash: "SHA-256", salt, iterations: PBKDF2_ITERATIONS };
  return crypto.subtle.deriveKey(parameters, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}
