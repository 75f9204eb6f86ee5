// A clerk's session: signed in at the city (OpenID Connect, code flow with PKCE), bound to this device and one stand.
import { fact, forget, note } from "../store/db.ts";
import { bytesOf, fromBase64, toBase64Url } from "../store/sealing.ts";
import { ask, askJson } from "../sync/http.ts";
import { now } from "./clock.ts";
import { device, enrolled, makeDevice } from "./identity.ts";
import { keep, takeUp } from "./vault.ts";

export interface Settings {
  authority: string;
  issuer: string;
  client_id: string;
  lock_after_s: number;
}

export interface Trusted {
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
  trusted: Trusted[];
}

interface Begun {
  verifier: string;
  state: string;
  token_endpoint: string;
}

interface SessionAnswer {
  token: string;
  until: string;
  officer: string;
  outbox_key: string;
  trusted: Trusted[];
}

const REDIRECT = "/field/";
const TIMEOUT_MS = 20_000;
const LOCK_AFTER_S = 300; // until the office has said something else
let access = ""; // of the city's sign-in: minutes only, never stored

export const session = (): Promise<Session | undefined> => fact<Session>("session");
export const signedIn = (): boolean => access !== "";

/** What the office said last; kept, for it is needed without network too. */
export async function settings(): Promise<Settings> {
  const kept = await fact<Settings>("settings");
  try {
    const told = await askJson<Settings>("/field/settings", { timeoutMs: kept ? 3_000 : 20_000 });
    await note("settings", told);
    return told;
  } catch (error) {
    if (kept) return kept;
    throw error;
  }
}

/** The key, if it is still held, by what the office said last of silence. */
export async function takeUpKey(): Promise<void> {
  const kept = await fact<Settings>("settings");
  await takeUp((kept?.lock_after_s ?? LOCK_AFTER_S) * 1000);
}

/** Throws Problem for a code that is wrong or used. */
export async function enrol(code: string): Promise<void> {
  const made = await makeDevice();
  const json = { code, device_id: made.device_id, public_key: made.jwk };
  const told = await askJson<{ label: string }>("/field/enrol", { json });
  await enrolled(told.label);
}

/** Leaves the page for the city's sign-in. */
export async function goToSignIn(): Promise<void> {
  const about = await settings();
  const discovery = await fetch(`${about.issuer}/.well-known/openid-configuration`, {
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const found = (await discovery.json()) as Record<string, string>;
  const verifier = toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
  const state = toBase64Url(crypto.getRandomValues(new Uint8Array(16)));
  const challenge = toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(verifier))));
  await note("signing_in", { verifier, state, token_endpoint: found["token_endpoint"]! } satisfies Begun);
  const asked = new URLSearchParams({
    response_type: "code",
    client_id: about.client_id,
    redirect_uri: location.origin + REDIRECT,
    scope: "openid",
    state,
    code_challenge: challenge,
    code_challenge_method: "S256",
  });
  location.assign(`${found["authorization_endpoint"]}?${asked}`);
}

/** Back from the city's sign-in? Takes code and state out of the address. Throws when somebody else sent us here. */
export async function comeBack(): Promise<boolean> {
  const told = new URLSearchParams(location.search);
  const code = told.get("code");
  if (!code) return false;
  history.replaceState(null, "", REDIRECT + location.hash);
  const begun = await fact<Begun>("signing_in");
  await forget("signing_in");
  if (!begun || told.get("state") !== begun.state) throw new Error("state");
  const about = await settings();
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    code,
    code_verifier: begun.verifier,
    client_id: about.client_id,
    redirect_uri: location.origin + REDIRECT,
  });
  const reply = await fetch(begun.token_endpoint, { method: "POST", body, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!reply.ok) throw new Error(`token ${reply.status}`);
  access = ((await reply.json()) as { access_token: string }).access_token;
  return true;
}

export async function standsToChoose(): Promise<StandInfo[]> {
  const all = await askJson<StandInfo[]>("/stands", { headers: { Authorization: `Bearer ${access}` } });
  return all.filter((one) => !one.cancelled && Date.parse(one.ends_at) > now() - 24 * 3600_000);
}

/** Begins the session and keeps the outbox key under the PIN. Throws Problem, for a revoked device too. */
export async function begin(stand: StandInfo, pin: string): Promise<void> {
  const own = await device();
  if (!own) throw new Error("this device is not enrolled");
  const answer = await ask("/field/sessions", {
    token: access,
    json: { device_id: own.device_id, stand_id: stand.stand_id },
  });
  const told = JSON.parse(new TextDecoder().decode(answer.bytes)) as SessionAnswer;
  const { token, until, officer, trusted } = told;
  await keep(fromBase64(told.outbox_key), pin);
  await note("session", { token, until, officer, stand, trusted } satisfies Session);
  access = "";
}
