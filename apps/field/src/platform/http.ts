// Requests to the office: with a timeout, a DPoP proof, and two errors: NoAnswerError and ProblemError.
import { syncClock } from "./clock.ts";
import { createProof } from "./identity.ts";
import { recordTransfer } from "./request_size.ts";

const TIMEOUT_MS = 20_000;

/** No complete answer arrived, so the outcome is unknown. The caller sends the same request again. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
}

/** The office answered with a problem document (RFC 9457). */
export class ProblemError extends Error {
  override name = "ProblemError";
  readonly status: number;
  readonly code: string;
  readonly hint: string;
  constructor(status: number, code: string, hint: string) {
    super(code);
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  /** True if the session or the device was refused, not the content of the request. */
  get concernsSession(): boolean {
    return this.status === 401 || this.code === "device.not_enrolled" || this.code === "role.missing";
  }

  /** True if the server failed; the content of the request was not refused. */
  get isTransient(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

export interface RequestOptions {
  method?: string;
  token?: string;
  json?: unknown;
  body?: BodyInit;
  headers?: Record<string, string>;
  payloadBytes?: number; // uncompressed bytes of a payload whose size follows the link, see request_size.ts
  timeoutMs?: number;
}

export interface OfficeAnswer {
  status: number;
  headers: Headers;
  bytes: Uint8Array<ArrayBuffer>;
}

let answerCount = 0;

/** Number of complete answers since the app started. While it grows, the network works, even if badly. */
export const answersReceived = (): number => answerCount;

// Refusals of a proof that a new one cures: its refusal has corrected the clock, or the network sent a request twice,
// and this is the answer to the second copy.
const CURED_BY_NEW_PROOF = ["proof.clock", "proof.used"];

/** Throws NoAnswerError or ProblemError. Each attempt has a proof of its own. Retries once if the proof was refused; a
 * proof that was used again means that a copy of the request arrived, and its answer is unknown. */
export async function request(path: string, options: RequestOptions = {}): Promise<OfficeAnswer> {
  try {
    return await requestOnce(path, options);
  } catch (error) {
    if (!(error instanceof ProblemError) || !CURED_BY_NEW_PROOF.includes(error.code)) throw error;
  }
  try {
    return await requestOnce(path, options);
  } catch (error) {
    if (error instanceof ProblemError && error.code === "proof.used") throw new NoAnswerError(error.code);
    throw error;
  }
}

export async function requestJson<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const answer = await request(path, options);
  if (answer.status === 204) throw new NoAnswerError("the office ended the wait"); // nothing changed: ask again
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(answer.bytes)) as T;
  } catch {
    throw new NoAnswerError("the answer is incomplete");
  }
}

async function requestOnce(path: string, options: RequestOptions): Promise<OfficeAnswer> {
  const method = options.method ?? (options.json === undefined ? "GET" : "POST");
  const url = new URL(path, location.origin);
  const headers = new Headers(options.headers);
  if (options.token) {
    headers.set("Authorization", `Bearer ${options.token}`);
    headers.set("DPoP", await createProof(method, url.origin + url.pathname, options.token));
  }
  if (options.json !== undefined) headers.set("Content-Type", "application/json");
  const body = options.json === undefined ? (options.body ?? null) : JSON.stringify(options.json);
  const startedAt = Date.now();
  let response: Response;
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
    response = await fetch(url, { method, headers, body, signal, cache: "no-store", credentials: "omit" });
    await syncClock(response.headers.get("date"), startedAt);
    bytes = new Uint8Array(await response.arrayBuffer());
  } catch (error) {
    if (options.payloadBytes) recordTransfer(options.payloadBytes, Date.now() - startedAt, false);
    throw new NoAnswerError(String(error));
  }
  if (options.payloadBytes) recordTransfer(options.payloadBytes, Date.now() - startedAt, true);
  answerCount += 1;
  if (!response.ok) throw toError(response, bytes);
  return { status: response.status, headers: response.headers, bytes };
}

function toError(response: Response, bytes: Uint8Array<ArrayBuffer>): Error {
  try {
    const problem = JSON.parse(new TextDecoder().decode(bytes)) as { code?: string; hint?: string };
    if (problem.code) return new ProblemError(response.status, problem.code, problem.hint ?? "");
  } catch {
    // not a problem document: it comes from a gateway, or the body is incomplete
  }
  return new NoAnswerError(`status ${response.status}`); // without one of our codes it is no refusal by the office
}
