// Who shows something is told when it changed, in this tab and in the others: once for many changes in a row.
const TOGETHER_MS = 30;
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("wanderamt");
const listeners = new Set<() => void>();
let due = false;

channel?.addEventListener("message", tell);

export function changed(): void {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    tell();
    channel?.postMessage("changed");
  }, TOGETHER_MS);
}

function tell(): void {
  for (const listener of listeners) listener();
}

export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
