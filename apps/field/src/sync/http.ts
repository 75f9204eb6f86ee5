// One way to ask the office: with a time-out, a proof, and two kinds of failure: no answer, or an answer that says no.
import { hear } from "../device/clock.ts";
import { proof } from "../device/identity.ts";
import { learn } from "./pace.ts";

const TIMEOUT_MS = 20_000;

/** Nobody answered, or the answer was cut: nothing is known of what happened there. The same is sent again. */
export class NoAnswer extends Error {
  override name = "NoAnswer";
}

/** The office answered with a problem (RFC 9457). */
export class Problem extends Error {
  override name = "Problem";
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  constructor(status: number, code: string, hint: string) {
    super(code);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  /** About the session or the device, not about what was sent. */
  get ofSession(): boolean {
    return this.status === 401 || this.code === "device.not_enrolled" || this.code === "role.missing";
  }

  /** A failure of the machine, not of what was sent. */
  get passes(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

export interface Asked {
  method?: string;
  token?: string;
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  weight?: number; // bytes before they were packed, of what can be cut as the link wants it: see pace.ts
  timeoutMs?: number;
}

export interface Answer {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
}

let heard = 0;

/** How many whole answers came since the app began: while it grows, the network is bad and not gone. */
export const answersHeard = (): number => heard;

/** Throws NoAnswer or Problem. A clock that is off is put right by the answer, and the request made once more. */
export async function ask(path: string, asked: Asked = {}): Promise<Answer> {
  try {
    return await once(path, asked);
  } catch (error) {
    if (error instanceof Problem && error.code === "proof.clock") return once(path, asked);
    throw error;
  }
}

export async function askJson<T>(path: string, asked: Asked = {}): Promise<T> {
  const answer = await ask(path, asked);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(answer.bytes)) as T;
  } catch {
    throw new NoAnswer("the answer was cut");
  }
}

async function once(path: string, asked: Asked): Promise<Answer> {
  const method = asked.method ?? (asked.json === undefined ? "GET" : "POST");
  const url = new URL(path, location.origin);
  const headers = new Headers(asked.headers);
  if (asked.token) {
    headers.set("Authorization", `Bearer ${asked.token}`);
    headers.set("DPoP", await proof(method, url.origin + url.pathname, asked.token));
  }
  if (asked.json !== undefined) headers.set("Content-Type", "application/json");
  const body = asked.json === undefined ? (asked.body ?? null) : JSON.stringify(asked.json);
  const begun = Date.now();
  let response: Response;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const signal = AbortSignal.timeout(asked.timeoutMs ?? TIMEOUT_MS);
    response = await fetch(url, { method, headers, body, signal, cache: "no-store", credentials: "omit" });
    await hear(response.headers.get("date"), begun);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (asked.weight) learn(asked.weight, Date.now() - begun, false);
    throw new NoAnswer(String(error));
  }
  if (asked.weight) learn(asked.weight, Date.now() - begun, true);
  heard += 1;
  if (!response.ok) throw problemOf(response, bytes);
  return { status: response.status, headers: response.headers, bytes };
}

function problemOf(response: Response, bytes: Uint8Array<ArrayBuffer>): Error {
  try {
    const said = JSON.parse(new TextDecoder().decode(bytes)) as { code?: string; hint?: string };
    if (said.code) return new Problem(response.status, said.code, said.hint ?? "");
  } catch {
    // not one of ours: a gateway, or a cut body
  }
  return new NoAnswer(`status ${response.status}`); // without a code of ours nobody of ours has refused anything
}
