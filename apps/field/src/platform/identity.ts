// The identity of the device: a key pair whose private key cannot leave this browser, and proofs made with it.
import { v7 } from "uuid";
import { encodeUtf8, toBase64Url } from "./bytes.ts";
import { now } from "./clock.ts";
import { getFact, setFact } from "./database.ts";

export interface DeviceIdentity {
  device_id: string;
  label: string; // empty until it is enrolled
  keys: CryptoKeyPair;
  jwk: { kty: "EC"; crv: "P-256"; x: string; y: string };
}

const CURVE = { name: "ECDSA", namedCurve: "P-256" } as const;
const SIGNATURE = { name: "ECDSA", hash: "SHA-256" } as const;
const COOKIE = "wanderamt_device"; // remains if the browser evicts the database

let cachedDevice: DeviceIdentity | null = null;

export async function getDevice(): Promise<DeviceIdentity | null> {
  cachedDevice ??= (await getFact<DeviceIdentity>("device")) ?? null;
  return cachedDevice;
}

/** Creates the identity once. After a lost answer to the enrolment, the next attempt uses the same identity. */
export async function createDevice(): Promise<DeviceIdentity> {
  const existing = await getDevice();
  if (existing) return existing;
  const keys = await crypto.subtle.generateKey(CURVE, false, ["sign", "verify"]);
  const { x, y } = await crypto.subtle.exportKey("jwk", keys.publicKey);
  const created: DeviceIdentity = { device_id: v7(), label: "", keys, jwk: { kty: "EC", crv: "P-256", x: x!, y: y! } };
  await setFact("device", created);
  cachedDevice = created;
  return created;
}

export async function saveEnrolment(label: string): Promise<void> {
  const created = await createDevice();
  cachedDevice = { ...created, label };
  await setFact("device", cachedDevice);
  // biome-ignore lint/suspicious/noDocumentCookie: the only storage that is not evicted with the database
  document.cookie = `${COOKIE}=${created.device_id}; max-age=31536000; path=/field/; samesite=strict`;
}

export function clearDevice(): void {
  cachedDevice = null;
  // biome-ignore lint/suspicious/noDocumentCookie: see above
  document.cookie = `${COOKIE}=; max-age=0; path=/field/; samesite=strict`;
}

/** The id under which this browser was enrolled, if the database was evicted; empty if not known. */
export function evictedDeviceId(): string {
  const match = new RegExp(`(?:^|; )${COOKIE}=([0-9a-f-]+)`).exec(document.cookie);
  return match?.[1] ?? "";
}

export async function sign(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const signer = await getDevice();
  if (!signer) throw new Error("this device has no key");
  return new Uint8Array(await crypto.subtle.sign(SIGNATURE, signer.keys.privateKey, data));
}

/** The DPoP proof for one request (RFC 9449). */
export async function createProof(method: string, url: string, token: string): Promise<string> {
  const signer = await getDevice();
  if (!signer) throw new Error("this device has no key");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", encodeUtf8(token)));
  const header = { typ: "dpop+jwt", alg: "ES256", jwk: signer.jwk };
  const claims = { htm: method, htu: url, iat: Math.floor(now() / 1000), jti: v7(), ath: toBase64Url(hash) };
  const encoded = [header, claims].map((part) => toBase64Url(encodeUtf8(JSON.stringify(part))));
  const signingInput = encoded.join(".");
  return `${signingInput}.${toBase64Url(await sign(encodeUtf8(signingInput)))}`;
}
