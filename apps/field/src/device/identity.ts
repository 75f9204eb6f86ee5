// Who the device is: a key pair whose private half cannot be taken out of this browser, and how it proves that it has it.
import { v7 } from "uuid";
import { fact, note } from "../store/db.ts";
import { bytesOf, toBase64Url } from "../store/sealing.ts";
import { now } from "./clock.ts";

export interface Device {
  device_id: string;
  label: string; // empty until it is enrolled
  keys: CryptoKeyPair;
  jwk: { kty: "EC"; crv: "P-256"; x: string; y: string };
}

const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGN = { name: "ECDSA", hash: "SHA-256" } as const;
const MARK = "wanderamt_device"; // survives when the browser throws the database away

let known: Device | null = null;

export async function device(): Promise<Device | null> {
  known ??= (await fact<Device>("device")) ?? null;
  return known;
}

/** Made once; a lost answer to the enrolment finds the same device again. */
export async function makeDevice(): Promise<Device> {
  const before = await device();
  if (before) return before;
  const keys = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const { x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  const made: Device = { device_id: v7(), label: "", keys, jwk: { kty: "EC", crv: "P-256", x: x!, y: y! } };
  await note("device", made);
  known = made;
  return made;
}

export async function enrolled(label: string): Promise<void> {
  const made = await makeDevice();
  known = { ...made, label };
  await note("device", known);
  // biome-ignore lint/suspicious/noDocumentCookie: the one storage that is not evicted with the others
  document.cookie = `${MARK}=${made.device_id}; max-age=31536000; path=/field/; samesite=strict`;
}

export function forgetDevice(): void {
  known = null;
  // biome-ignore lint/suspicious/noDocumentCookie: see above
  document.cookie = `${MARK}=; max-age=0; path=/field/; samesite=strict`;
}

/** The id this browser was enrolled under, when the database is gone although nobody wiped it. */
export function evictedDevice(): string {
  const found = new RegExp(`(?:^|; )${MARK}=([0-9a-f-]+)`).exec(document.cookie);
  return found?.[1] ?? "";
}

export async function sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const own = await device();
  if (!own) throw new Error("this device has no key");
  return new Uint8Array(await crypto.subtle.sign(SIGN, own.keys.privateKey, data));
}

/** A proof for one request (DPoP, RFC 9449). */
export async function proof(method: string, url: string, token: string): Promise<string> {
  const own = await device();
  if (!own) throw new Error("this device has no key");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(token)));
  const head = { typ: "dpop+jwt", alg: "ES256", jwk: own.jwk };
  const said = { htm: method, htu: url, iat: Math.floor(now() / 1000), jti: v7(), ath: toBase64Url(hash) };
  const text = `${toBase64Url(bytesOf(JSON.stringify(head)))}.${toBase64Url(bytesOf(JSON.stringify(said)))}`;
  return `${text}.${toBase64Url(await sign(bytesOf(text)))}`;
}
