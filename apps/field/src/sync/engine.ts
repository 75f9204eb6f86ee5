// Decides when the device contacts the office.
// Invariants: one tab sends at a time. After each failure the wait doubles, up to 60 s; any complete answer resets it.
// A clerk can always send at once.

import { deleteFacts, getFact, setFact } from "../platform/database.ts";
import { answersReceived, NoAnswerError, ProblemError } from "../platform/http.ts";
import { discardKeys, hasKey } from "../platform/vault.ts";
import { currentSession } from "../session/session.ts";
import { notifyChanged } from "../store/changes.ts";
import { recordError, recordReport } from "../store/reports.ts";
import { acceptDecidedEntries } from "./conflicts.ts";
import { pushFiles } from "./files.ts";
import { deleteExpired, pullChanges, restoreLeases } from "./pull.ts";
import { pushEntries } from "./push.ts";
import { pushReports } from "./reports.ts";
import { pushTills } from "./tills.ts";

const FIRST_WAIT_S = 1;
export const MAX_WAIT_S = 60;
const IDLE_S = 20; // interval of contacts without new entries; a revocation arrives within a minute
const ANSWERS_S = [1, 2, 4, 8]; // registers answer soon after new entries, and the citizen waits at the desk
const LOCK = "wanderamt-sync";

export type SyncPhase = "idle" | "sending" | "waiting" | "signed_out" | "expired" | "locked" | "revoked" | "elsewhere";

export interface SyncStatus {
  phase: SyncPhase;
  nextAt: number; // device time of the next attempt, ms
  failures: number;
  reasonCode: string;
}

let status: SyncStatus = { phase: "idle", nextAt: 0, failures: 0, reasonCode: "" };
let timer: ReturnType<typeof setTimeout> | undefined;
let contactsSinceEntry = ANSWERS_S.length;
let running = false;
let rerunRequested = false;

export const syncStatus = (): SyncStatus => status;

/** The wait in seconds after `failures` failures in a row: doubled each time, with jitter, at most 60. */
export function backoffSeconds(failures: number, random: number = Math.random()): number {
  const limit = Math.min(MAX_WAIT_S, FIRST_WAIT_S * 2 ** Math.min(failures, 10));
  return limit * (0.5 + random / 2);
}

/** The wait in seconds after a complete contact, `contacts` after the one that sent the last entry. */
export function idleSeconds(contacts: number): number {
  return ANSWERS_S[contacts] ?? IDLE_S;
}

export function startSyncing(): void {
  window.addEventListener("online", syncNow);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") syncNow();
  });
  syncNow();
}

/** Contacts the office at once, regardless of the current wait. */
export function syncNow(): void {
  status = { ...status, failures: 0 };
  void runContacts();
}

/** Called after a new entry: sends it now, unless the engine waits after a failure. */
export function syncSoon(): void {
  if (status.phase !== "waiting") void runContacts();
  void registerBackgroundSync();
}

async function runContacts(): Promise<void> {
  if (running) {
    rerunRequested = true;
    return;
  }
  running = true;
  clearTimeout(timer);
  try {
    do {
      rerunRequested = false;
      if ((await syncExclusively()) === "elsewhere") updateStatus({ phase: "elsewhere", failures: 0, reasonCode: "" });
    } while (rerunRequested);
  } finally {
    running = false;
    const wait = status.phase === "waiting" ? backoffSeconds(status.failures) : idleSeconds(contactsSinceEntry++);
    updateStatus({ nextAt: Date.now() + wait * 1000 });
    timer = setTimeout(() => void runContacts(), wait * 1000);
  }
}

/** One contact with the office; "elsewhere" if another tab or the service worker is doing it. */
export function syncExclusively(): Promise<SyncPhase> {
  return navigator.locks.request(LOCK, { ifAvailable: true }, (lock) => (lock ? attemptContact() : "elsewhere"));
}

async function attemptContact(): Promise<SyncPhase> {
  const receivedBefore = answersReceived();
  updateStatus({ phase: "sending" });
  try {
    const phase = await contactOffice();
    if (status.failures > 3) await recordReport("sync", "sync.back", status.failures);
    updateStatus({ phase, failures: 0, reasonCode: "" });
    return phase;
  } catch (error) {
    const phase = await phaseAfterFailure(error);
    const gotThrough = answersReceived() > receivedBefore;
    updateStatus({
      phase,
      failures: gotThrough ? 0 : status.failures + 1,
      reasonCode: error instanceof ProblemError ? error.code : "",
    });
    return phase;
  }
}

async function contactOffice(): Promise<SyncPhase> {
  const session = await currentSession();
  if (!session) return (await getFact("revoked")) ? "revoked" : "signed_out";
  if (!hasKey()) return "locked";
  await pullChanges(session);
  await tolerateRefusal(() => restoreLeases(session));
  if (await pushEntries(session)) contactsSinceEntry = 0;
  await pushFiles(session);
  await tolerateRefusal(() => pushTills(session));
  await tolerateRefusal(() => acceptDecidedEntries(session));
  await tolerateRefusal(() => pushReports(session));
  await deleteExpired();
  return "idle";
}

/** A refusal of this step does not stop the other steps. It is reported, and the next contact repeats the step. */
async function tolerateRefusal(step: () => Promise<unknown>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof ProblemError) || error.concernsSession || error.isTransient) throw error;
    await recordReport("sync", error.code);
  }
}

async function phaseAfterFailure(error: unknown): Promise<SyncPhase> {
  if (error instanceof ProblemError && error.code === "device.not_enrolled") {
    await discardKeys(); // keys first: even if the tab is killed halfway, they are gone
    await deleteFacts("session");
    await setFact("revoked", true);
    notifyChanged();
    return "revoked";
  }
  if (error instanceof ProblemError && error.status === 401) return "expired";
  if (error instanceof NoAnswerError) return "waiting";
  await recordReport("sync", error instanceof ProblemError ? error.code : "sync.bug");
  if (!(error instanceof ProblemError)) await recordError(error);
  return "waiting";
}

function updateStatus(change: Partial<SyncStatus>): void {
  status = { ...status, ...change };
  notifyChanged();
}

/** Asks the browser to wake the service worker when the network is back, even without an open tab (Background Sync). */
async function registerBackgroundSync(): Promise<void> {
  const registration = await navigator.serviceWorker?.ready;
  const sync = (registration as { sync?: { register(tag: string): Promise<void> } } | undefined)?.sync;
  await sync?.register("outbox").catch(() => undefined); // not allowed: the timer and the foreground remain
}
