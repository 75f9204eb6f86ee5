// Signed tokens of documents and status lists: COSE_Sign1 (RFC 9052) with P-256, printed as base45 (RFC 9285).
// The counterpart of the Python package intake.signing: each side verifies what the other signs (a test checks both).
import { decode, encode } from "cborg";
import { type Bytes, concatBytes, decodeUtf8, encodeUtf8, fromBase64, toBase64Url } from "../platform/bytes.ts";

export const ISSUER = 1;
export const SUBJECT = 2;
export const EXPIRES = 4;
export const ISSUED = 6;
export const CONFIRMATION_KEY = 8;
const ALG = 1;
const KID = 4;
const TYPE = 16;
const ES256 = -7;
const SIGN1_TAG = 0xd2; // the CBOR tag, one byte
const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";

export type Claims = Map<number, unknown>;

export interface Token {
  head: Claims;
  claims: Claims;
  signed: Bytes;
  signature: Bytes;
}

export interface PublicKey {
  x: string;
  y: string;
}

/** Throws if the bytes are no token. Does not verify the signature. */
export function decodeToken(bytes: Uint8Array): Token {
  if (bytes[0] !== SIGN1_TAG) throw new Error("no COSE_Sign1");
  const [head, , payload, signature] = decode(bytes.subarray(1), { useMaps: true }) as [Bytes, unknown, Bytes, Bytes];
  return {
    head: decode(head, { useMaps: true }) as Claims,
    claims: decode(payload, { useMaps: true }) as Claims,
    signed: signatureInput(head, payload),
    signature: concatBytes(signature),
  };
}

/** Whether `key` signed the token with this content type. */
export async function isSignedBy(token: Token, kind: string, key: PublicKey): Promise<boolean> {
  if (token.head.get(TYPE) !== kind || token.head.get(ALG) !== ES256) return false;
  return verifySignature(key, token.signature, token.signed);
}

/** `extra`: additional protected headers. */
export async function signToken(
  claims: Claims,
  kind: string,
  sign: (data: Bytes) => Promise<Bytes>,
  extra: Claims = new Map(),
): Promise<Bytes> {
  const head = encode(new Map<number, unknown>([[ALG, ES256], [TYPE, kind], ...extra]));
  const payload = encode(claims);
  const signature = await sign(signatureInput(head, payload));
  return concatBytes(Uint8Array.of(SIGN1_TAG), encode([head, new Map(), payload, signature]));
}

export const keyIdOf = (token: Token): Uint8Array =>
  (token.head.get(KID) as Uint8Array | undefined) ?? new Uint8Array();

export function toBase45(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let value = pair ? bytes[at]! * 256 + bytes[at + 1]! : bytes[at]!;
    for (let digit = 0; digit < (pair ? 3 : 2); digit++) {
      text += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** Throws if the text is no base45. */
export function fromBase45(text: string): Bytes {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const digits = Array.from(text.slice(at, at + 3), (symbol) => ALPHABET.indexOf(symbol));
    if (digits.includes(-1) || digits.length === 1) throw new Error("no base45");
    const value = digits.reduceRight((sum, digit) => sum * 45 + digit, 0);
    if (value > (digits.length === 3 ? 0xffff : 0xff)) throw new Error("no base45");
    if (digits.length === 3) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** Reads a detached JWS (RFC 7515, appendix F): key id, signed bytes and signature. Throws if it is malformed. */
export function parseDetachedJws(
  signature: string,
  body: Uint8Array,
): { keyId: string; signed: Bytes; signature: Bytes } {
  const [encodedHeader, detachedPayload, encodedSignature] = signature.split(".");
  if (detachedPayload !== "" || !encodedHeader || !encodedSignature) throw new Error("no detached JWS");
  const header = JSON.parse(decodeUtf8(fromBase64(encodedHeader))) as { kid?: string; alg?: string };
  if (header.alg !== "ES256") throw new Error("another algorithm");
  const text = encodeUtf8(`${encodedHeader}.${toBase64Url(body)}`);
  return { keyId: header.kid ?? "", signed: text, signature: fromBase64(encodedSignature) };
}

export async function verifySignature(key: PublicKey, signature: Bytes, signed: Bytes): Promise<boolean> {
  const jwk = { kty: "EC", crv: "P-256", x: key.x, y: key.y };
  const imported = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, imported, signature, signed);
}

function signatureInput(head: Uint8Array, payload: Uint8Array): Bytes {
  return concatBytes(encode(["Signature1", head, new Uint8Array(), payload]));
}
