// The office's time on the device. The device's own clock may be days wrong, so no order and no decision depends on it.
import { getFact, setFact } from "./database.ts";

interface Clock {
  offset_ms: number; // office time minus device time
  heard_at: number; // office time of the last contact
}

const JITTER_MS = 2_000;
const MAX_ROUND_TRIP_MS = 20_000;
export const CLOCK_TOLERANCE_MS = 5 * 60_000;

let clock: Clock = { offset_ms: 0, heard_at: 0 };

export async function loadClock(): Promise<void> {
  clock = (await getFact<Clock>("clock")) ?? clock;
}

export function now(): number {
  return Date.now() + clock.offset_ms;
}

export const clockErrorMs = (): number => -clock.offset_ms;

/** The clock was set back (or the battery was empty) since the last contact: the time is unknown. */
export function isClockLost(): boolean {
  return clock.heard_at > 0 && now() < clock.heard_at - CLOCK_TOLERANCE_MS;
}

/** Corrects the offset. `date`: the Date header of an answer; `requestedAt`: when the request began, device time in
 * ms. */
export async function syncClock(date: string | null, requestedAt: number): Promise<void> {
  const officeTime = Date.parse(date ?? "");
  const receivedAt = Date.now();
  if (Number.isNaN(officeTime) || receivedAt - requestedAt > MAX_ROUND_TRIP_MS || receivedAt < requestedAt) return;
  const offset = officeTime + 500 - (requestedAt + receivedAt) / 2;
  const corrected = Math.abs(offset - clock.offset_ms) > JITTER_MS;
  const mustStore = corrected || officeTime - clock.heard_at > 1_000;
  clock = {
    offset_ms: corrected ? Math.round(offset) : clock.offset_ms,
    heard_at: Math.max(officeTime, corrected ? 0 : clock.heard_at),
  };
  if (mustStore) await setFact("clock", clock);
}
