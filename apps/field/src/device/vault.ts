// The outbox key on the device. The office gives it after a sign-in. Here it lies wrapped twice: under a PIN that the
// clerk chose, and under a key that cannot leave this browser, so that a copied disk gives nobody a PIN to try.
// Kept true: with the wrapped key gone (revoked, ten wrong PINs) what is sealed stays, and nobody here can read it.
import { fact, forget, note } from "../store/db.ts";
import { type Bytes, joined } from "../store/sealing.ts";

const ROUNDS = 600_000; // PBKDF2 with SHA-256, OWASP's figure of 2023
const MAX_WRONG = 10;
export const PIN_DIGITS = 6;

interface Wrapped {
  salt: Bytes;
  nonce: Bytes;
  outer: Bytes;
  text: Bytes;
  shell: CryptoKey;
  wrong: number;
}

interface Held {
  key: CryptoKey;
  touched: number;
}

let key: CryptoKey | null = null;
let locked = true;
let lockAfterMs = 300_000;
let touched = 0;

export class WrongPin extends Error {
  override name = "WrongPin";
  readonly left: number;
  constructor(left: number) {
    super("wrong pin");
    this.left = left;
  }
}

/** The key to seal with. While the screen is locked it still serves to send what waits. */
export function outboxKey(): CryptoKey {
  if (!key) throw new Error("the outbox is locked");
  return key;
}

export const hasKey = (): boolean => key !== null;
export const isLocked = (): boolean => locked;

/** Takes the key up again after the tab was closed or killed, unless the device has lain still for too long. */
export async function takeUp(silenceMs: number): Promise<void> {
  lockAfterMs = silenceMs;
  const held = await fact<Held>("key");
  if (!held) return;
  if (Math.abs(Date.now() - held.touched) > lockAfterMs) {
    await forget("key");
    return;
  }
  key = held.key;
  locked = false;
  touched = Date.now();
}

/** `raw`: 32 bytes, from the office. */
export async function keep(raw: Bytes, pin: string): Promise<void> {
  const salt = crypto.getRandomValues(new Uint8Array(16));
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const outer = crypto.getRandomValues(new Uint8Array(12));
  const shell = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const inner = await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, await fromPin(pin, salt), raw);
  const text = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: outer }, shell, inner));
  await note("wrapped", { salt, nonce, outer, text, shell, wrong: 0 } satisfies Wrapped);
  await hold(raw);
}

export async function hasPin(): Promise<boolean> {
  return (await fact<Wrapped>("wrapped")) !== undefined;
}

/** Throws WrongPin with how many tries are left; after the last the clerk signs in again, and nothing is lost. */
export async function unlock(pin: string): Promise<void> {
  const wrapped = await fact<Wrapped>("wrapped");
  if (!wrapped) throw new WrongPin(0);
  const inner = await crypto.subtle.decrypt({ name: "AES-GCM", iv: wrapped.outer }, wrapped.shell, wrapped.text);
  let raw: ArrayBuffer;
  try {
    const pinKey = await fromPin(pin, wrapped.salt);
    raw = await crypto.subtle.decrypt({ name: "AES-GCM", iv: wrapped.nonce }, pinKey, inner);
  } catch {
    const left = MAX_WRONG - wrapped.wrong - 1;
    if (left > 0) await note("wrapped", { ...wrapped, wrong: wrapped.wrong + 1 });
    else await forget("wrapped", "key");
    throw new WrongPin(left);
  }
  if (wrapped.wrong) await note("wrapped", { ...wrapped, wrong: 0 });
  await hold(new Uint8Array(raw));
}

/** The screen is locked and a killed tab needs the PIN; what waits is still sent as long as this tab lives. */
export async function lock(): Promise<void> {
  locked = true;
  await forget("key");
}

/** The office has withdrawn the key: nothing on this device can be read any more, and nothing is thrown away. */
export async function withdraw(): Promise<void> {
  key = null;
  locked = true;
  await forget("key", "wrapped");
}

/** Somebody is there. */
export function touch(): void {
  const before = touched;
  touched = Date.now();
  if (key && !locked && touched - before > 15_000) void note("key", { key, touched } satisfies Held);
}

export function isSilent(): boolean {
  return key !== null && !locked && Date.now() - touched > lockAfterMs;
}

async function hold(raw: Bytes): Promise<void> {
  key = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["encrypt", "decrypt"]);
  locked = false;
  touched = Date.now();
  await note("key", { key, touched } satisfies Held);
}

async function fromPin(pin: string, salt: Bytes): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey("raw", joined(new TextEncoder().encode(pin)), "PBKDF2", false, [
    "deriveKey",
  ]);
  const how = { name: "PBKDF2", hash: "SHA-256", salt, iterations: ROUNDS };
  return crypto.subtle.deriveKey(how, base, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}
