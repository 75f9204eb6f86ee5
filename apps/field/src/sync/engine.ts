// When to send. Kept true: one tab sends at a time; failing waits longer each time, 60 s at most; whatever got through
// shortens the wait again; a person can always send now.

import { session } from "../device/session.ts";
import { pushReports, report, reportError } from "../device/telemetry.ts";
import { hasKey, withdraw } from "../device/vault.ts";
import { fact, forget, note } from "../store/db.ts";
import { changed } from "../store/live.ts";
import { resolveConflicts } from "./conflicts.ts";
import { pushFiles } from "./files.ts";
import { answersHeard, NoAnswer, Problem } from "./http.ts";
import { pull, showLeases, tidy } from "./pull.ts";
import { pushEntries } from "./push.ts";
import { pushTills } from "./tills.ts";

const FIRST_WAIT_S = 1;
export const LONGEST_WAIT_S = 60;
const IDLE_S = 20; // how often the office is asked for news; a revocation is heard within a minute
const LOCK = "wanderamt-sync";

export type Phase = "idle" | "sending" | "waiting" | "signed_out" | "expired" | "locked" | "revoked" | "elsewhere";

export interface Status {
  phase: Phase;
  nextAt: number; // device time of the next try, ms
  failures: number;
  why: string;
}

let status: Status = { phase: "idle", nextAt: 0, failures: 0, why: "" };
let timer: ReturnType<typeof setTimeout> | undefined;
let running = false;
let wanted = false;

export const syncStatus = (): Status => status;

/** Seconds to wait after so many failures in a row: doubled each time, with jitter, never more than 60. */
export function waitAfter(failures: number, chance: number = Math.random()): number {
  const most = Math.min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** Math.min(failures, 10));
  return most * (0.5 + chance / 2);
}

export function keepSending(): void {
  window.addEventListener("online", sendNow);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") sendNow();
  });
  sendNow();
}

/** At once, whatever the wait was. */
export function sendNow(): void {
  status = { ...status, failures: 0 };
  void run();
}

/** Something was written: it goes now, unless the network is known to be gone for the moment. */
export function sendSoon(): void {
  if (status.phase !== "waiting") void run();
  void wakeLater();
}

async function run(): Promise<void> {
  if (running) {
    wanted = true;
    return;
  }
  running = true;
  clearTimeout(timer);
  try {
    do {
      wanted = false;
      if ((await attemptAlone()) === "elsewhere") set({ phase: "elsewhere", failures: 0, why: "" });
    } while (wanted);
  } finally {
    running = false;
    const wait = status.phase === "waiting" ? waitAfter(status.failures) : IDLE_S;
    set({ nextAt: Date.now() + wait * 1000 });
    timer = setTimeout(() => void run(), wait * 1000);
  }
}

/** One contact with the office, unless somebody else is at it. Also what the worker does when the browser wakes it. */
export function attemptAlone(): Promise<Phase> {
  return navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? attempt() : "elsewhere"));
}

async function attempt(): Promise<Phase> {
  const before = answersHeard();
  set({ phase: "sending" });
  try {
    const phase = await contact();
    if (status.failures > 3) await report("sync", "sync.back", status.failures);
    set({ phase, failures: 0, why: "" });
    return phase;
  } catch (error) {
    const phase = await whyNot(error);
    const gotThrough = answersHeard() > before;
    set({ phase, failures: gotThrough ? 0 : status.failures + 1, why: error instanceof Problem ? error.code : "" });
    return phase;
  }
}

async function contact(): Promise<Phase> {
  const own = await session();
  if (!own) return (await fact("revoked")) ? "revoked" : "signed_out";
  if (!hasKey()) return "locked";
  await pull(own);
  await aside(() => showLeases(own));
  await pushEntries(own);
  await pushFiles(own);
  await aside(() => pushTills(own));
  await aside(() => resolveConflicts(own));
  await aside(() => pushReports(own));
  await tidy();
  return "idle";
}

/** What the office says no to here holds up nothing else. It is reported, and asked again at the next contact. */
async function aside(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof Problem) || error.ofSession || error.passes) throw error;
    await report("sync", error.code);
  }
}

async function whyNot(error: unknown): Promise<Phase> {
  if (error instanceof Problem && error.code === "device.not_enrolled") {
    await withdraw(); // the keys first: who reads that it is revoked, or finds it killed halfway, finds none
    await forget("session");
    await note("revoked", true);
    changed();
    return "revoked";
  }
  if (error instanceof Problem && error.status === 401) return "expired";
  if (error instanceof NoAnswer) return "waiting";
  await report("sync", error instanceof Problem ? error.code : "sync.bug");
  if (!(error instanceof Problem)) await reportError(error);
  return "waiting";
}

function set(change: Partial<Status>): void {
  status = { ...status, ...change };
  changed();
}

/** Where the browser has background sync, it wakes the worker when there is a network again, with no tab open. */
async function wakeLater(): Promise<void> {
  const registration = await navigator.serviceWorker?.ready;
  const sync = (registration as { sync?: { register(tag: string): Promise<void> } } | undefined)?.sync;
  await sync?.register("outbox").catch(() => undefined); // not allowed here: the timer and the foreground remain
}
