// Tokens as papers and lists carry them: COSE_Sign1 (RFC 9052) with P-256, in base45 (RFC 9285) where they are printed.
// The other half of intake's proof room: what one side signs the other one reads (a test holds both together).
import { decode, encode } from "cborg";
import { type Bytes, bytesOf, fromBase64, joined, textOf, toBase64Url } from "../store/sealing.ts";

export const ISSUER = 1;
export const SUBJECT = 2;
export const EXPIRES = 4;
export const ISSUED = 6;
export const KEY = 8;
const ALG = 1;
const KID = 4;
const TYPE = 16;
const ES256 = -7;
const SIGN1 = 0xd2; // the tag, as its one byte
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

/** Throws for what is no token. Nothing of it is proven yet. */
export function readToken(bytes: Uint8Array): Token {
  if (bytes[0] !== SIGN1) throw new Error("no COSE_Sign1");
  const [head, , payload, signature] = decode(bytes.subarray(1), { useMaps: true }) as [Bytes, unknown, Bytes, Bytes];
  return {
    head: decode(head, { useMaps: true }) as Claims,
    claims: decode(payload, { useMaps: true }) as Claims,
    signed: toSign(head, payload),
    signature: joined(signature),
  };
}

/** Whether this key signed it, as a token of this type. */
export async function holdsFor(token: Token, kind: string, key: PublicKey): Promise<boolean> {
  if (token.head.get(TYPE) !== kind || token.head.get(ALG) !== ES256) return false;
  return verifyRaw(key, token.signature, token.signed);
}

/** `extra`: more of the protected head. */
export async function makeToken(
  claims: Claims,
  kind: string,
  sign: (data: Bytes) => Promise<Bytes>,
  extra: Claims = new Map(),
): Promise<Bytes> {
  const head = encode(new Map<number, unknown>([[ALG, ES256], [TYPE, kind], ...extra]));
  const payload = encode(claims);
  const signature = await sign(toSign(head, payload));
  return joined(Uint8Array.of(SIGN1), encode([head, new Map(), payload, signature]));
}

export const keyIdOf = (token: Token): Uint8Array =>
  (token.head.get(KID) as Uint8Array | undefined) ?? new Uint8Array();

export function toBase45(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 2) {
    const pair = at + 1 < bytes.length;
    let value = pair ? bytes[at]! * 256 + bytes[at + 1]! : bytes[at]!;
    for (let sign = 0; sign < (pair ? 3 : 2); sign++) {
      text += ALPHABET[value % 45];
      value = Math.floor(value / 45);
    }
  }
  return text;
}

/** Throws for what is no base45. */
export function fromBase45(text: string): Bytes {
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 3) {
    const signs = Array.from(text.slice(at, at + 3), (sign) => ALPHABET.indexOf(sign));
    if (signs.includes(-1) || signs.length === 1) throw new Error("no base45");
    const value = signs.reduceRight((sum, sign) => sum * 45 + sign, 0);
    if (value > (signs.length === 3 ? 0xffff : 0xff)) throw new Error("no base45");
    if (signs.length === 3) bytes.push(value >> 8);
    bytes.push(value & 0xff);
  }
  return Uint8Array.from(bytes);
}

/** A detached JWS (RFC 7515, appendix F): key id and what was signed. Throws for what is none. */
export function readDetached(signature: string, body: Uint8Array): { keyId: string; signed: Bytes; signature: Bytes } {
  const [head, between, signed] = signature.split(".");
  if (between !== "" || !head || !signed) throw new Error("no detached JWS");
  const said = JSON.parse(textOf(fromBase64(head))) as { kid?: string; alg?: string };
  if (said.alg !== "ES256") throw new Error("another algorithm");
  const text = bytesOf(`${head}.${toBase64Url(body)}`);
  return { keyId: said.kid ?? "", signed: text, signature: fromBase64(signed) };
}

export async function verifyRaw(key: PublicKey, signature: Bytes, signed: Bytes): Promise<boolean> {
  const jwk = { kty: "EC", crv: "P-256", x: key.x, y: key.y };
  const imported = await crypto.subtle.importKey("jwk", jwk, { name: "ECDSA", namedCurve: "P-256" }, false, ["verify"]);
  return crypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, imported, signature, signed);
}

function toSign(head: Uint8Array, payload: Uint8Array): Bytes {
  return joined(encode(["Signature1", head, new Uint8Array(), payload]));
}
