// Documents: stamps them with the device's key, and verifies any document of this system without a network.

import type { PrintedContent } from "../model/types.ts";
import { type Bytes, encodeUtf8, fromBase64, toBase64Url, toHex } from "../platform/bytes.ts";
import { sign } from "../platform/identity.ts";
import type { TrustedKey } from "../session/session.ts";
import { contentHash } from "./printed_content.ts";
import { HOLDER_MAX_BYTES, KIND_MAX_BYTES, MAIN_MAX_BYTES, shorten } from "./shorten.ts";
import {
  type Claims,
  CONFIRMATION_KEY,
  decodeToken,
  EXPIRES,
  fromBase45,
  ISSUED,
  ISSUER,
  isSignedBy,
  keyIdOf,
  type PublicKey,
  SUBJECT,
  signToken,
  type Token,
  toBase45,
} from "./tokens.ts";

const PREFIX = "WA1:";
const STAMP_TYPE = "application/wanderamt-stamp+cwt";
const STATUS_LIST_TYPE = "application/statuslist+cwt";
const CERTIFICATE_TYPE = "application/wanderamt-device+cwt";
// claim numbers, see intake.signing.qr_seal and intake.signing.device
const STATUS = 65535;
const STATUS_LIST = 65533;
const CONTENT = -65537;
const HOLDER = -65538;
const NUMBER_RANGES = -65539;
const CERTIFICATE = -65540;
const KIND = -65541;
const MAIN = -65542;
const MAX_TEXT = 2000; // characters, as at the office: no reader accepts a longer stamp
const LIST_MAX_AGE_MS = 3 * 24 * 3600_000;

export interface StampContent {
  number: string;
  statusIndex: number;
  holder: string;
  issuedAt: number; // ms
  validUntil: string; // 2026-12-31, or empty
  printed: PrintedContent;
}

/** The text for a QR code. `certificate`: the certificate of this device, from the bundle. The main facts give way to a
 * certificate with many ranges of numbers. Throws an error with a text's key if even that does not help. */
export async function createStamp(content: StampContent, certificate: Bytes): Promise<string> {
  let main = shorten(content.printed.main, MAIN_MAX_BYTES);
  for (;;) {
    const stamp = await stampWith(main, content, certificate);
    if (stamp.length <= MAX_TEXT) return stamp;
    if (!main) throw new Error("result.stamp_too_long");
    const room = encodeUtf8(main).length - stamp.length + MAX_TEXT; // a byte takes 1.5 characters, so this is enough
    main = room > 10 ? shorten(main, room) : "";
  }
}

async function stampWith(main: string, content: StampContent, certificate: Bytes): Promise<string> {
  const authority = decodeToken(certificate).claims.get(ISSUER);
  const claims: Claims = new Map<number, unknown>([
    [ISSUER, authority],
    [SUBJECT, content.number],
    [ISSUED, Math.floor(content.issuedAt / 1000)],
    [CONTENT, await contentHash(content.printed)],
    [STATUS, new Map([["status_list", new Map([["idx", content.statusIndex]])]])],
    [HOLDER, shorten(content.holder, HOLDER_MAX_BYTES)],
    [KIND, shorten(content.printed.title, KIND_MAX_BYTES)],
  ]);
  if (main) claims.set(MAIN, main);
  if (content.validUntil) claims.set(EXPIRES, Math.floor(Date.parse(`${content.validUntil}T23:59:59Z`) / 1000));
  return PREFIX + toBase45(await signToken(claims, STAMP_TYPE, sign, new Map([[CERTIFICATE, certificate]])));
}

export type Verdict = "valid" | "revoked" | "expired" | "unknown" | "forged" | "foreign" | "unreadable";

export interface VerificationResult {
  verdict: Verdict;
  kind: string; // empty in stamps of earlier releases, as are the main facts
  main: string;
  number: string;
  holder: string;
  issuedAt: number;
  validUntil: number;
  authority: string;
  atStand: boolean;
  asOf: number; // time of the status list, ms; 0 without a list
}

const UNREADABLE: VerificationResult = {
  ...{
    verdict: "unreadable",
    kind: "",
    main: "",
    number: "",
    holder: "",
    issuedAt: 0,
    validUntil: 0,
    authority: "",
    atStand: false,
    asOf: 0,
  },
};

/** Verifies a stamp at the time `now` (ms) against the signed status list (base64, may be empty). */
export async function verifyStamp(
  text: string,
  trusted: TrustedKey[],
  statusList: string,
  now: number,
): Promise<VerificationResult> {
  let token: Token;
  try {
    const code = text.trim();
    if (!code.startsWith(PREFIX)) return UNREADABLE;
    token = decodeToken(fromBase45(code.slice(PREFIX.length)));
  } catch {
    return UNREADABLE;
  }
  try {
    const certificate = token.head.get(CERTIFICATE) as Uint8Array | undefined;
    const provenance = certificate
      ? await checkDeviceSignature(token, certificate, trusted)
      : await checkOfficeSignature(token, trusted);
    if (provenance !== "good") return { ...UNREADABLE, verdict: provenance };
    return await assessStatus(token, Boolean(certificate), await readStatusList(statusList, trusted), now);
  } catch {
    return UNREADABLE;
  }
}

type Provenance = "good" | "forged" | "foreign";

async function checkOfficeSignature(token: Token, trusted: TrustedKey[]): Promise<Provenance> {
  const trustedKey = findTrustedKey(token, trusted);
  if (!trustedKey) return "foreign";
  return (await isSignedBy(token, STAMP_TYPE, trustedKey)) ? "good" : "forged";
}

/** A device may stamp while its certificate is valid, and only with its own numbers and their status indexes. */
async function checkDeviceSignature(
  token: Token,
  certificateBytes: Uint8Array,
  trusted: TrustedKey[],
): Promise<Provenance> {
  const certificate = decodeToken(certificateBytes);
  const trustedKey = findTrustedKey(certificate, trusted);
  if (!trustedKey || !(await isSignedBy(certificate, CERTIFICATE_TYPE, trustedKey))) return "foreign";
  const point = (certificate.claims.get(CONFIRMATION_KEY) as Map<number, Map<number, Uint8Array>>).get(1)!;
  const key: PublicKey = { x: toBase64Url(point.get(-2)!), y: toBase64Url(point.get(-3)!) };
  if (!(await isSignedBy(token, STAMP_TYPE, key))) return "forged";
  const [issued, validFrom, validUntil] = [
    token.claims.get(ISSUED),
    certificate.claims.get(ISSUED),
    certificate.claims.get(EXPIRES),
  ];
  if (token.claims.get(ISSUER) !== certificate.claims.get(ISSUER)) return "forged";
  if ((issued as number) < (validFrom as number) || (issued as number) > (validUntil as number)) return "forged";
  const number = /^UK-(\d{4})-(\d{7})-\d$/.exec(String(token.claims.get(SUBJECT)));
  const ranges = certificate.claims.get(NUMBER_RANGES) as [number, number, number, number][];
  const inRange = ranges.some(([year, first, count, firstIndex]) => {
    const position = Number(number?.[2]) - first;
    return (
      year === Number(number?.[1]) &&
      position >= 0 &&
      position < count &&
      statusIndexOf(token) - firstIndex === position
    );
  });
  return inRange ? "good" : "forged";
}

async function assessStatus(
  token: Token,
  atStand: boolean,
  list: StatusList | null,
  now: number,
): Promise<VerificationResult> {
  const index = statusIndexOf(token);
  const validUntil = ((token.claims.get(EXPIRES) as number | undefined) ?? 0) * 1000;
  const covered = list !== null && index < list.bits.length * 8;
  const revoked = covered && ((list.bits[index >> 3]! >> (index & 7)) & 1) === 1;
  const outdated = !list || now - list.asOf > LIST_MAX_AGE_MS;
  const verdict = revoked
    ? "revoked"
    : validUntil && validUntil < now
      ? "expired"
      : !covered || outdated
        ? "unknown"
        : "valid";
  return {
    verdict,
    kind: String(token.claims.get(KIND) ?? ""),
    main: String(token.claims.get(MAIN) ?? ""),
    number: String(token.claims.get(SUBJECT)),
    holder: String(token.claims.get(HOLDER) ?? ""),
    issuedAt: (token.claims.get(ISSUED) as number) * 1000,
    validUntil,
    authority: String(token.claims.get(ISSUER)),
    atStand,
    asOf: list?.asOf ?? 0,
  };
}

interface StatusList {
  bits: Bytes;
  asOf: number;
}

async function readStatusList(text: string, trusted: TrustedKey[]): Promise<StatusList | null> {
  if (!text) return null;
  const token = decodeToken(fromBase64(text));
  const trustedKey = findTrustedKey(token, trusted);
  if (!trustedKey || !(await isSignedBy(token, STATUS_LIST_TYPE, trustedKey))) return null;
  const compressed = (token.claims.get(STATUS_LIST) as Map<string, Uint8Array>).get("lst")!;
  const stream = new Blob([new Uint8Array(compressed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const bits = new Uint8Array(await new Response(stream).arrayBuffer());
  return { bits, asOf: (token.claims.get(ISSUED) as number) * 1000 };
}

function findTrustedKey(token: Token, trusted: TrustedKey[]): TrustedKey | undefined {
  const id = toHex(keyIdOf(token));
  return trusted.find((key) => key.key_id === id);
}

function statusIndexOf(token: Token): number {
  const status = token.claims.get(STATUS) as Map<string, Map<string, number>>;
  return status.get("status_list")!.get("idx")!;
}
