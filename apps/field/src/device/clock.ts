// The time, as the office has it. The device's own clock may be days off; it orders nothing and decides nothing.
import { fact, note } from "../store/db.ts";

interface Clock {
  offset_ms: number; // office less device
  heard_at: number; // office time of the last contact
}

const JITTER_MS = 2_000;
const SLOW_MS = 20_000;
export const OFF_MS = 5 * 60_000;

let clock: Clock = { offset_ms: 0, heard_at: 0 };

export async function windClock(): Promise<void> {
  clock = (await fact<Clock>("clock")) ?? clock;
}

export function now(): number {
  return Date.now() + clock.offset_ms;
}

export const offBy = (): number => -clock.offset_ms;

/** The clock was set back, or the battery was out, since the last contact: nobody knows what time it is. */
export function clockIsLost(): boolean {
  return clock.heard_at > 0 && now() < clock.heard_at - OFF_MS;
}

/** `date`: the head of an answer that was asked for at `asked` (device time). */
export async function hear(date: string | null, asked: number): Promise<void> {
  const told = Date.parse(date ?? "");
  const heard = Date.now();
  if (Number.isNaN(told) || heard - asked > SLOW_MS || heard < asked) return;
  const offset = told + 500 - (asked + heard) / 2;
  const moved = Math.abs(offset - clock.offset_ms) > JITTER_MS;
  const contact = moved || told - clock.heard_at > 1_000;
  clock = {
    offset_ms: moved ? Math.round(offset) : clock.offset_ms,
    heard_at: Math.max(told, moved ? 0 : clock.heard_at),
  };
  if (contact) await note("clock", clock);
}
