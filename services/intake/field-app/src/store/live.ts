// Who shows something is told when it changed, in this tab and in the others.
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("wanderamt");
const listeners = new Set<() => void>();

channel?.addEventListener("message", () => {
  for (const listener of listeners) listener();
});

export function changed(): void {
  for (const listener of listeners) listener();
  channel?.postMessage("changed");
}

export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
