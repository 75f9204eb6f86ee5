// A clerk's session, bound to this device and one stand. The clerk signs in at the city's identity provider (OpenID
// Connect, authorization code flow with PKCE).

import { encodeUtf8, fromBase64, toBase64Url } from "../platform/bytes.ts";
import { now } from "../platform/clock.ts";
import { deleteFacts, getFact, setFact } from "../platform/database.ts";
import { request, requestJson } from "../platform/http.ts";
import { createDevice, getDevice, saveEnrolment } from "../platform/identity.ts";
import { restoreKey, storeKey } from "../platform/vault.ts";

export interface OfficeSettings {
  authority: string;
  issuer: string;
  client_id: string;
  lock_after_s: number;
}

export interface TrustedKey {
  key_id: string;
  name: string;
  x: string;
  y: string;
}

export interface StandInfo {
  stand_id: string;
  place: string;
  starts_at: string;
  ends_at: string;
  cancelled: boolean;
}

export interface Session {
  token: string;
  until: string;
  officer: string;
  stand: StandInfo;
  trusted: TrustedKey[];
}

interface PendingSignIn {
  verifier: string;
  state: string;
  token_endpoint: string;
}

interface SessionAnswer {
  token: string;
  until: string;
  officer: string;
  outbox_key: string;
  trusted: TrustedKey[];
}

const REDIRECT = "/field/";
const TIMEOUT_MS = 20_000;
const LOCK_AFTER_S = 300; // until the office's settings are loaded
let accessToken = ""; // of the city's identity provider: valid for minutes, never stored

export const currentSession = (): Promise<Session | undefined> => getFact<Session>("session");
export const hasAccessToken = (): boolean => accessToken !== "";

/** The office's settings; without a network the last stored ones. */
export async function loadSettings(): Promise<OfficeSettings> {
  const stored = await getFact<OfficeSettings>("settings");
  try {
    const received = await requestJson<OfficeSettings>("/field/settings", { timeoutMs: stored ? 3_000 : 20_000 });
    await setFact("settings", received);
    return received;
  } catch (error) {
    if (stored) return stored;
    throw error;
  }
}

/** Restores the outbox key, with the idle limit of the last known settings. */
export async function restoreOutboxKey(): Promise<void> {
  const stored = await getFact<OfficeSettings>("settings");
  await restoreKey((stored?.lock_after_s ?? LOCK_AFTER_S) * 1000);
}

/** Throws ProblemError if the code is wrong or already used. */
export async function enrolDevice(code: string): Promise<void> {
  const created = await createDevice();
  const json = { code, device_id: created.device_id, public_key: created.jwk };
  const enrolment = await requestJson<{ label: string }>("/field/enrol", { json });
  await saveEnrolment(enrolment.label);
}

/** Leaves the page for the city's identity provider. */
export async function redirectToSignIn(): Promise<void> {
  const office = await loadSettings();
  const discovery = await fetch(`${office.issuer}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const endpoints = (await discovery.json()) as Record<string, string>;
  const verifier = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  const state = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
  const challenge = toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", encodeUtf8(verifier))));
  await setFact("signing_in", {
    verifier,
    state,
    token_endpoint: endpoints["token_endpoint"]!,
  } satisfies PendingSignIn);
  const query = new URLSearchParams({
    response_type: "code",
    client_id: office.client_id,
    redirect_uri: location.origin + REDIRECT,
    scope: "openid",
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  location.assign(`${endpoints["authorization_endpoint"]}?${query}`);
}

/** Completes a sign-in and removes code and state from the address. False if there is none; throws if the state is
 * not ours. */
export async function finishSignIn(): Promise<boolean> {
  const parameters = new URLSearchParams(location.search);
  const code = parameters.get("code");
  if (!code) return false;
  history.replaceState(null, "", REDIRECT + location.hash);
  const pending = await getFact<PendingSignIn>("signing_in");
  await deleteFacts("signing_in");
  if (!pending || parameters.get("state") !== pending.state) throw new Error("state");
  const office = await loadSettings();
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    code_verifier: pending.verifier,
    client_id: office.client_id,
    redirect_uri: location.origin + REDIRECT,
  });
  const reply = await fetch(pending.token_endpoint, { method: "POST", body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!reply.ok) throw new Error(`token ${reply.status}`);
  accessToken = ((await reply.json()) as { access_token: string }).access_token;
  return true;
}

export async function availableStands(): Promise<StandInfo[]> {
  const stands = await requestJson<StandInfo[]>("/stands", { headers: { Authorization: `Bearer ${accessToken}` } });
  return stands.filter((stand) => !stand.cancelled && Date.parse(stand.ends_at) > now() - 24 * 3600_000);
}

/** Starts the session and stores the outbox key under the PIN. Throws ProblemError, also for a revoked device. */
export async function startSession(stand: StandInfo, pin: string): Promise<void> {
  const identity = await getDevice();
  if (!identity) throw new Error("this device is not enrolled");
  const answer = await request("/field/sessions", {
    token: accessToken,
    json: { device_id: identity.device_id, stand_id: stand.stand_id },
  });
  const opened = JSON.parse(new TextDecoder().decode(answer.bytes)) as SessionAnswer;
  const { token, until, officer, trusted } = opened;
  await storeKey(fromBase64(opened.outbox_key), pin);
  await setFact("session", { token, until, officer, stand, trusted } satisfies Session);
  accessToken = "";
}
