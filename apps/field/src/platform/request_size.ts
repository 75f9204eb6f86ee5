// The payload size of one request, adapted to the link.
// Invariants: after a request that timed out the limit is halved, so that on a slow link some requests succeed; after
// fast answers it grows again. A request that fails at once changes nothing.
const MIN_BYTES = 4 * 1024;
export const MAX_BYTES = 256 * 1024;
const SLOW_MS = 5_000;

let batchBytes = MAX_BYTES;

/** In bytes. */
export const adaptiveBatchSize = (): number => batchBytes;

export function recordTransfer(sentBytes: number, durationMs: number, answered: boolean): void {
  if (durationMs < SLOW_MS) {
    if (answered && sentBytes > batchBytes / 2) batchBytes = Math.min(MAX_BYTES, batchBytes * 2);
  } else if (!answered || durationMs > 2 * SLOW_MS)
    batchBytes = Math.max(MIN_BYTES, Math.min(batchBytes, sentBytes) / 2);
}
