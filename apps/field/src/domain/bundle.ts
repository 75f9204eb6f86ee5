// The bundle: the data that the device needs at a stand.
// Invariants: a bundle is used only if the authority signed exactly these bytes, for this device and this stand. The
// old bundle stays in use until the new one is verified.

import { v7 } from "uuid";
import type { JsonValue } from "../model/facts.ts";
import type { Series } from "../model/rows.ts";
import type { Letterhead, OfferedService } from "../model/types.ts";
import { type Bytes, decodeUtf8, fromBase64, gzip } from "../platform/bytes.ts";
import { now } from "../platform/clock.ts";
import { DURABLE, database, deleteFacts, getFact, setFact } from "../platform/database.ts";
import { request, requestJson } from "../platform/http.ts";
import { getDevice } from "../platform/identity.ts";
import { hasKey, outboxKey } from "../platform/vault.ts";
import type { Session } from "../session/session.ts";
import { notifyChanged } from "../store/changes.ts";
import { nonceOf, seal, unseal } from "../store/sealing.ts";
import { StreetRegister } from "./facts/streets.ts";
import { parseDetachedJws, verifySignature } from "./tokens.ts";

export const MIN_NUMBERS = 60; // at least this many numbers of each series at the start of a stand
const SERIES: Series[] = ["GZ", "BE", "UK"];

/** `facts`: what the citizen has answered when booking, by the codes of the service's form. */
export interface BundleAppointment {
  appointment_id: string;
  code: string;
  service: string;
  starts_at: string;
  ends_at: string;
  language: string;
  facts?: Record<string, JsonValue>;
}

interface NumberBlock {
  block_id: string;
  series: Series;
  numbers: string[];
  places: number[];
  lease: string;
}

export interface Bundle {
  device_id: string;
  stand: { stand_id: string; place: string; starts_at: string; ends_at: string };
  as_of: string;
  expires_at: string;
  appointments: BundleAppointment[];
  services: OfferedService[];
  streets?: { country: string; municipality: string; streets: [name: string, postalCode: string, district: number][] };
  number_blocks: NumberBlock[];
  letterhead?: Letterhead; // missing in a bundle that an earlier release loaded
  status_list: string;
  certificate: string;
  certified_until: string | null;
  sizes: Record<string, number>;
}

interface StoredBundle {
  sealed: Bytes;
  stand_id: string;
  bytes: number;
  packed: number;
}

export class InvalidBundleError extends Error {
  override name = "InvalidBundleError";
}

let cached: { nonce: string; bundle: Bundle } | null = null;

/** The bundle for the session's stand, or null. */
export async function currentBundle(session: Session): Promise<Bundle | null> {
  const stored = await getFact<StoredBundle>("bundle");
  if (!stored || stored.stand_id !== session.stand.stand_id || !hasKey()) return null;
  const nonce = nonceOf(stored.sealed); // unique per bundle, so each bundle is decoded once
  if (cached?.nonce !== nonce) {
    const plain = await unseal(outboxKey(), "bundle", stored.stand_id, stored.sealed);
    cached = { nonce, bundle: JSON.parse(decodeUtf8(plain)) as Bundle };
  }
  return cached.bundle;
}

export async function bundleSize(): Promise<{ bytes: number; packed: number }> {
  const stored = await getFact<StoredBundle>("bundle");
  return { bytes: stored?.bytes ?? 0, packed: stored?.packed ?? 0 };
}

/** Leases numbers first, so that the certificate covers them. Throws InvalidBundleError, NoAnswerError or
 * ProblemError. */
export async function loadBundle(
  session: Session,
  step: (name: "numbers" | "bundle" | "check") => void,
): Promise<Bundle> {
  step("numbers");
  await leaseNumbers(session);
  step("bundle");
  const { stand_id } = session.stand;
  const answer = await request(`/stands/${stand_id}/bundle`, { token: session.token, timeoutMs: 60_000 });
  step("check");
  const loaded = await verifyBundle(answer.bytes, answer.headers.get("x-jws-signature") ?? "", session);
  const sealed = await seal(outboxKey(), "bundle", stand_id, answer.bytes);
  await storeBlocks(loaded.number_blocks);
  const size = (await gzip(answer.bytes)).length; // approximately the transferred size
  await setFact("bundle", { sealed, stand_id, bytes: answer.bytes.length, packed: size } satisfies StoredBundle);
  notifyChanged();
  return loaded;
}

async function verifyBundle(bytes: Bytes, signature: string, session: Session): Promise<Bundle> {
  try {
    const { keyId, signed, signature: signatureBytes } = parseDetachedJws(signature, bytes);
    const trustedKey = session.trusted.find((key) => key.key_id === keyId);
    if (!trustedKey || !(await verifySignature(trustedKey, signatureBytes, signed)))
      throw new InvalidBundleError("signature");
    const parsed = JSON.parse(decodeUtf8(bytes)) as Bundle;
    const identity = await getDevice();
    if (parsed.device_id !== identity?.device_id || parsed.stand.stand_id !== session.stand.stand_id)
      throw new InvalidBundleError("other");
    return parsed;
  } catch (error) {
    throw error instanceof InvalidBundleError ? error : new InvalidBundleError(String(error));
  }
}

export async function remainingNumbers(): Promise<Record<Series, number>> {
  const left: Record<Series, number> = { GZ: 0, BE: 0, UK: 0 };
  for (const block of await (await database()).getAll("blocks")) {
    if (!block.returned) left[block.series] += block.numbers.length - block.taken;
  }
  return left;
}

async function leaseNumbers(session: Session): Promise<void> {
  for (const series of SERIES) {
    while ((await remainingNumbers())[series] < MIN_NUMBERS) {
      const blockId = (await getFact<string>(`lease.${series}`)) ?? v7();
      await setFact(`lease.${series}`, blockId); // after a lost answer the same id returns the same block
      const block = await requestJson<NumberBlock>("/numbers/blocks", {
        token: session.token,
        json: { block_id: blockId, series },
      });
      await storeBlocks([block]);
      await deleteFacts(`lease.${series}`);
    }
  }
}

/** Known blocks stay unchanged: the device may have used more of their numbers than the office knows. */
async function storeBlocks(blocks: NumberBlock[]): Promise<void> {
  const tx = (await database()).transaction("blocks", "readwrite", DURABLE);
  for (const block of blocks) {
    if (await tx.store.get(block.block_id)) continue;
    const { block_id, series, numbers, places, lease } = block;
    await tx.store.put({ block_id, series, numbers, places, lease, taken: 0, returned: false });
  }
  await tx.done;
}

export const certificateOf = (bundle: Bundle): Bytes => fromBase64(bundle.certificate);
export const isExpired = (bundle: Bundle): boolean => Date.parse(bundle.expires_at) < now();
export const canStamp = (bundle: Bundle): boolean =>
  bundle.certified_until !== null && Date.parse(bundle.certified_until) > now();

const registers = new WeakMap<Bundle, StreetRegister>();

/** The streets of the authority's municipality; null if the bundle has none. */
export function streetsOf(bundle: Bundle): StreetRegister | null {
  const { streets } = bundle;
  if (!streets) return null;
  let register = registers.get(bundle);
  if (!register) {
    const rows = streets.streets.map(([street, postal_code, district_nr]) => ({ street, postal_code, district_nr }));
    register = new StreetRegister(streets.country, streets.municipality, rows);
    registers.set(bundle, register);
  }
  return register;
}
