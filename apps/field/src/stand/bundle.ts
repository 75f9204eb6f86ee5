// What the device takes to a stand. Kept true: a bundle counts when the authority signed just these bytes, for this
// device and this stand; the old one stays in use until a new one has been proven.

import { v7 } from "uuid";
import { now } from "../device/clock.ts";
import { device } from "../device/identity.ts";
import type { Session } from "../device/session.ts";
import { hasKey, outboxKey } from "../device/vault.ts";
import { database, fact, forget, note, type Series, STRICT } from "../store/db.ts";
import { changed } from "../store/live.ts";
import { type Bytes, fromBase64, nonceOf, open, packed, seal, textOf } from "../store/sealing.ts";
import { ask, askJson } from "../sync/http.ts";
import { readDetached, verifyRaw } from "./tokens.ts";
import type { Offered } from "./types.ts";

export const ENOUGH = 60; // numbers of each series that a stand begins with, at least
const SERIES: Series[] = ["GZ", "BE", "UK"];

export interface Booked {
  appointment_id: string;
  code: string;
  service: string;
  starts_at: string;
  ends_at: string;
  language: string;
}

interface BlockOut {
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
  appointments: Booked[];
  services: Offered[];
  number_blocks: BlockOut[];
  status_list: string;
  certificate: string;
  certified_until: string | null;
  sizes: Record<string, number>;
}

interface Kept {
  sealed: Bytes;
  stand_id: string;
  bytes: number;
  packed: number;
}

export class BundleWrong extends Error {
  override name = "BundleWrong";
}

let opened: { nonce: string; bundle: Bundle } | null = null;

/** The one in use, for the stand of the session; null while there is none. */
export async function bundle(session: Session): Promise<Bundle | null> {
  const kept = await fact<Kept>("bundle");
  if (!kept || kept.stand_id !== session.stand.stand_id || !hasKey()) return null;
  const nonce = nonceOf(kept.sealed); // no two bundles have the same: it is unpacked once
  if (opened?.nonce !== nonce) {
    const plain = await open(outboxKey(), "bundle", kept.stand_id, kept.sealed);
    opened = { nonce, bundle: JSON.parse(textOf(plain)) as Bundle };
  }
  return opened.bundle;
}

export async function bundleSize(): Promise<{ bytes: number; packed: number }> {
  const kept = await fact<Kept>("bundle");
  return { bytes: kept?.bytes ?? 0, packed: kept?.packed ?? 0 };
}

/** Numbers first, so that the certificate covers them. Throws BundleWrong, NoAnswer or Problem. */
export async function load(session: Session, step: (what: "numbers" | "bundle" | "check") => void): Promise<Bundle> {
  step("numbers");
  await leaseNumbers(session);
  step("bundle");
  const { stand_id } = session.stand;
  const answer = await ask(`/stands/${stand_id}/bundle`, { token: session.token, timeoutMs: 60_000 });
  step("check");
  const found = await proven(answer.bytes, answer.headers.get("x-jws-signature") ?? "", session);
  const sealed = await seal(outboxKey(), "bundle", stand_id, answer.bytes);
  await keepBlocks(found.number_blocks);
  const size = (await packed(answer.bytes)).length; // about what came over the air
  await note("bundle", { sealed, stand_id, bytes: answer.bytes.length, packed: size } satisfies Kept);
  changed();
  return found;
}

async function proven(bytes: Bytes, signature: string, session: Session): Promise<Bundle> {
  try {
    const { keyId, signed, signature: made } = readDetached(signature, bytes);
    const trust = session.trusted.find((one) => one.key_id === keyId);
    if (!trust || !(await verifyRaw(trust, made, signed))) throw new BundleWrong("signature");
    const found = JSON.parse(textOf(bytes)) as Bundle;
    const own = await device();
    if (found.device_id !== own?.device_id || found.stand.stand_id !== session.stand.stand_id)
      throw new BundleWrong("other");
    return found;
  } catch (error) {
    throw error instanceof BundleWrong ? error : new BundleWrong(String(error));
  }
}

export async function numbersLeft(): Promise<Record<Series, number>> {
  const left: Record<Series, number> = { GZ: 0, BE: 0, UK: 0 };
  for (const block of await (await database()).getAll("blocks")) {
    if (!block.returned) left[block.series] += block.numbers.length - block.taken;
  }
  return left;
}

async function leaseNumbers(session: Session): Promise<void> {
  for (const series of SERIES) {
    while ((await numbersLeft())[series] < ENOUGH) {
      const wanted = (await fact<string>(`lease.${series}`)) ?? v7();
      await note(`lease.${series}`, wanted); // the same id again gets the same block: a lost answer costs no numbers
      const told = await askJson<BlockOut>("/numbers/blocks", {
        token: session.token,
        json: { block_id: wanted, series },
      });
      await keepBlocks([told]);
      await forget(`lease.${series}`);
    }
  }
}

/** A block that is here already keeps what the device knows of it: it has used more than the office has heard of. */
async function keepBlocks(blocks: BlockOut[]): Promise<void> {
  const tx = (await database()).transaction("blocks", "readwrite", STRICT);
  for (const one of blocks) {
    if (await tx.store.get(one.block_id)) continue;
    const { block_id, series, numbers, places, lease } = one;
    await tx.store.put({ block_id, series, numbers, places, lease, taken: 0, returned: false });
  }
  await tx.done;
}

export const certificateOf = (found: Bundle): Bytes => fromBase64(found.certificate);
export const expired = (found: Bundle): boolean => Date.parse(found.expires_at) < now();
export const mayStamp = (found: Bundle): boolean =>
  found.certified_until !== null && Date.parse(found.certified_until) > now();
