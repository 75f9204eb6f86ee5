// Notifies listeners in this tab and in other tabs about changed data. Several changes in a row cause one notification.
const COALESCE_MS = 30;
const channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("wanderamt");
const listeners = new Set<() => void>();
let scheduled = false;

channel?.addEventListener("message", notifyListeners);

export function notifyChanged(): void {
  if (scheduled) return;
  scheduled = true;
  setTimeout(() => {
    scheduled = false;
    notifyListeners();
    channel?.postMessage("changed");
  }, COALESCE_MS);
}

function notifyListeners(): void {
  for (const listener of listeners) listener();
}

export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
