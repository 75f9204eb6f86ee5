// Papers: stamped at the stand with the device's key, and any paper of ours checked without a network.
import { sign } from "../device/identity.ts";
import type { Trusted } from "../device/session.ts";
import { type Bytes, bytesOf, fromBase64, toBase64Url, toHex } from "../store/sealing.ts";
import {
  type Claims,
  EXPIRES,
  fromBase45,
  holdsFor,
  ISSUED,
  ISSUER,
  KEY,
  keyIdOf,
  makeToken,
  type PublicKey,
  readToken,
  SUBJECT,
  type Token,
  toBase45,
} from "./tokens.ts";

const PREFIX = "WA1:";
const STAMP = "application/wanderamt-stamp+cwt";
const LIST = "application/statuslist+cwt";
const DEVICE = "application/wanderamt-device+cwt";
// see intake.proof.stamp and intake.proof.device
const STATUS = 65535;
const STATUS_LIST = 65533;
const CONTENT = -65537;
const HOLDER = -65538;
const RUNS = -65539;
const CERTIFICATE = -65540;
const LIST_GOOD_FOR_MS = 3 * 24 * 3600_000;

export interface Stamped {
  number: string;
  place: number;
  holder: string;
  issuedAt: number; // ms
  validUntil: string; // 2026-12-31, or empty
  printed: Record<string, string>;
}

/** Text for a code. `certificate`: of this device, from the bundle. */
export async function stamp(paper: Stamped, certificate: Bytes): Promise<string> {
  const authority = readToken(certificate).claims.get(ISSUER);
  const claims: Claims = new Map<number, unknown>([
    [ISSUER, authority],
    [SUBJECT, paper.number],
    [ISSUED, Math.floor(paper.issuedAt / 1000)],
    [CONTENT, await contentHash(paper.printed)],
    [STATUS, new Map([["status_list", new Map([["idx", paper.place]])]])],
    [HOLDER, paper.holder],
  ]);
  if (paper.validUntil) claims.set(EXPIRES, Math.floor(Date.parse(`${paper.validUntil}T23:59:59Z`) / 1000));
  return PREFIX + toBase45(await makeToken(claims, STAMP, sign, new Map([[CERTIFICATE, certificate]])));
}

/** SHA-256 over what is printed, by field: JSON with sorted names and no spaces, in Unicode's form NFC. */
async function contentHash(printed: Record<string, string>): Promise<Bytes> {
  const named = Object.entries(printed).map(([name, text]) => [name.normalize("NFC"), text.normalize("NFC")] as const);
  named.sort(([one], [other]) => (one < other ? -1 : 1));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(JSON.stringify(Object.fromEntries(named)))));
}

export type Verdict = "valid" | "revoked" | "expired" | "unknown" | "forged" | "foreign" | "unreadable";

export interface Checked {
  verdict: Verdict;
  number: string;
  holder: string;
  issuedAt: number;
  validUntil: number;
  authority: string;
  atStand: boolean;
  asOf: number; // of the list of papers that were taken back; 0: there is none
}

const NOTHING: Checked = {
  ...{
    verdict: "unreadable",
    number: "",
    holder: "",
    issuedAt: 0,
    validUntil: 0,
    authority: "",
    atStand: false,
    asOf: 0,
  },
};

/** What a code is worth now, by the list at hand. `list`: base64 of the signed one. */
export async function check(text: string, trusted: Trusted[], list: string, now: number): Promise<Checked> {
  let token: Token;
  try {
    const plain = text.trim();
    if (!plain.startsWith(PREFIX)) return NOTHING;
    token = readToken(fromBase45(plain.slice(PREFIX.length)));
  } catch {
    return NOTHING;
  }
  try {
    const certificate = token.head.get(CERTIFICATE) as Uint8Array | undefined;
    const proven = certificate ? await byDevice(token, certificate, trusted) : await byOffice(token, trusted);
    if (proven !== "good") return { ...NOTHING, verdict: proven };
    return await standing(token, Boolean(certificate), await readList(list, trusted), now);
  } catch {
    return NOTHING;
  }
}

type Proven = "good" | "forged" | "foreign";

async function byOffice(token: Token, trusted: Trusted[]): Promise<Proven> {
  const trust = named(token, trusted);
  if (!trust) return "foreign";
  return (await holdsFor(token, STAMP, trust)) ? "good" : "forged";
}

/** The device may stamp while its certificate lasts, with its own numbers, each with its own place in the list. */
async function byDevice(token: Token, bytes: Uint8Array, trusted: Trusted[]): Promise<Proven> {
  const certificate = readToken(bytes);
  const trust = named(certificate, trusted);
  if (!trust || !(await holdsFor(certificate, DEVICE, trust))) return "foreign";
  const point = (certificate.claims.get(KEY) as Map<number, Map<number, Uint8Array>>).get(1)!;
  const key: PublicKey = { x: toBase64Url(point.get(-2)!), y: toBase64Url(point.get(-3)!) };
  if (!(await holdsFor(token, STAMP, key))) return "forged";
  const [issued, from, until] = [
    token.claims.get(ISSUED),
    certificate.claims.get(ISSUED),
    certificate.claims.get(EXPIRES),
  ];
  if (token.claims.get(ISSUER) !== certificate.claims.get(ISSUER)) return "forged";
  if ((issued as number) < (from as number) || (issued as number) > (until as number)) return "forged";
  const number = /^UK-(\d{4})-(\d{7})-\d$/.exec(String(token.claims.get(SUBJECT)));
  const runs = certificate.claims.get(RUNS) as [number, number, number, number][];
  const own = runs.some(([year, first, count, place]) => {
    const at = Number(number?.[2]) - first;
    return year === Number(number?.[1]) && at >= 0 && at < count && placeOf(token) - place === at;
  });
  return own ? "good" : "forged";
}

async function standing(token: Token, atStand: boolean, list: List | null, now: number): Promise<Checked> {
  const place = placeOf(token);
  const validUntil = ((token.claims.get(EXPIRES) as number | undefined) ?? 0) * 1000;
  const covered = list !== null && place < list.bits.length * 8;
  const takenBack = covered && ((list.bits[place >> 3]! >> (place & 7)) & 1) === 1;
  const old = !list || now - list.asOf > LIST_GOOD_FOR_MS;
  const verdict = takenBack
    ? "revoked"
    : validUntil && validUntil < now
      ? "expired"
      : !covered || old
        ? "unknown"
        : "valid";
  return {
    verdict,
    number: String(token.claims.get(SUBJECT)),
    holder: String(token.claims.get(HOLDER) ?? ""),
    issuedAt: (token.claims.get(ISSUED) as number) * 1000,
    validUntil,
    authority: String(token.claims.get(ISSUER)),
    atStand,
    asOf: list?.asOf ?? 0,
  };
}

interface List {
  bits: Bytes;
  asOf: number;
}

async function readList(text: string, trusted: Trusted[]): Promise<List | null> {
  if (!text) return null;
  const token = readToken(fromBase64(text));
  const trust = named(token, trusted);
  if (!trust || !(await holdsFor(token, LIST, trust))) return null;
  const packed = (token.claims.get(STATUS_LIST) as Map<string, Uint8Array>).get("lst")!;
  const stream = new Blob([new Uint8Array(packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bits = new Uint8Array(await new Response(stream).arrayBuffer());
  return { bits, asOf: (token.claims.get(ISSUED) as number) * 1000 };
}

function named(token: Token, trusted: Trusted[]): Trusted | undefined {
  const id = toHex(keyIdOf(token));
  return trusted.find((one) => one.key_id === id);
}

function placeOf(token: Token): number {
  const status = token.claims.get(STATUS) as Map<string, Map<string, number>>;
  return status.get("status_list")!.get("idx")!;
}
