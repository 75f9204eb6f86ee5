// The service worker: the whole app without a network, and a wake-up when there is one again.
import { createHandlerBoundToURL, precacheAndRoute } from "workbox-precaching";
import { NavigationRoute, registerRoute } from "workbox-routing";
import { windClock } from "./device/clock.ts";
import { takeUpKey } from "./device/session.ts";
import { attemptAlone } from "./sync/engine.ts";

interface Worker {
  __WB_MANIFEST: { url: string; revision: string | null }[];
  skipWaiting(): Promise<void>;
  clients: { claim(): Promise<void> };
  addEventListener(
    type: string,
    listener: (event: { data?: unknown; tag?: string; waitUntil(done: Promise<unknown>): void }) => void,
  ): void;
}

declare const self: Worker;

precacheAndRoute(self.__WB_MANIFEST);
registerRoute(new NavigationRoute(createHandlerBoundToURL("/field/index.html")));

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("message", (event) => {
  if (event.data === "take over") event.waitUntil(self.skipWaiting());
});

// one more wake-up beside the timer and the foreground, where the browser has it; the same lock keeps it alone
self.addEventListener("sync", (event) => {
  if (event.tag === "outbox") event.waitUntil(send());
});

async function send(): Promise<void> {
  await windClock();
  await takeUpKey();
  if ((await attemptAlone()) === "waiting") throw new Error("later"); // the browser tries again
}
