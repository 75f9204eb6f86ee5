// How much is said in one request. Kept true: on a link so slow that a request is not answered in time, the next one is
// half as large, so that something gets through; on a good one it grows again. A request lost at once says nothing of it.
const LEAST = 4 * 1024;
export const MOST = 256 * 1024;
const LONG_MS = 5_000;

let bytes = MOST;

export const atOnce = (): number => bytes;

export function learn(size: number, tookMs: number, answered: boolean): void {
  if (tookMs < LONG_MS) {
    if (answered && size > bytes / 2) bytes = Math.min(MOST, bytes * 2);
  } else if (!answered || tookMs > 2 * LONG_MS) bytes = Math.max(LEAST, Math.min(bytes, size) / 2);
}
