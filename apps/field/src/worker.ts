// The service worker: serves the app without a network, and syncs in the background when the network is back.
import { createHandlerBoundToURL, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { loadClock } from "./platform/clock.ts";
import { restoreOutboxKey } from "./session/session.ts";
import { syncExclusively } from "./sync/engine.ts";

interface WorkerScope {
  __WB_MANIFEST: { url: string; revision: string | null }[];
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  addEventListener(
    type: string,
    listener: (event: { data?: unknown; tag?: string; waitUntil(done: Promise<unknown>): void }) => void,
  ): void;
}

declare const self: WorkerScope;

precacheAndRoute(self.__WB_MANIFEST);
registerRoute(new NavigationRoute(createHandlerBoundToURL("/field/index.html")));

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
});

// Background Sync, if the browser has it, in addition to the timer; a lock prevents two contacts at once
self.addEventListener("sync", (event) => {
  if (event.tag === "outbox") event.waitUntil(syncInBackground());
});

async function syncInBackground(): Promise<void> {
  await loadClock();
  await restoreOutboxKey();
  if ((await syncExclusively()) === "waiting") throw new Error("later"); // the browser tries again
}
