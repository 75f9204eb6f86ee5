// What every screen is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { now } from "../device/clock.ts";
import { reportError } from "../device/telemetry.ts";
import { exportSealed } from "../stand/shift.ts";
import { onChange } from "../store/live.ts";
import { Problem } from "../sync/http.ts";
import { reason, t } from "../words/texts.ts";

const NOTHING = Symbol("nothing");

/** What `load` gives, again whenever something on the device changed; undefined until it came the first time. */
export function useLive<T>(load: () => Promise<T>, ...on: unknown[]): T | undefined {
  const [value, setValue] = useState<T>();
  useEffect(() => {
    let current = true;
    let [loading, stale] = [false, false];
    const again = async () => {
      stale = true;
      if (loading) return; // one at a time: what changes while it loads is loaded next
      loading = true;
      while (current && stale) {
        stale = false;
        const loaded = await load().catch(() => NOTHING); // locked meanwhile: the screen is about to change
        if (current && loaded !== NOTHING) setValue(() => loaded as T);
      }
      loading = false;
    };
    void again();
    const stop = onChange(() => void again());
    return () => {
      current = false;
      stop();
    };
  }, on);
  return value;
}

/** The heading takes the focus, so that keyboards and screen readers are where the eye is; at once, or it takes it from
 * what somebody quick has reached already. */
export function Page(props: { title: string; back?: string; children: ComponentChildren }) {
  const head = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    head.current?.focus({ preventScroll: true });
    document.title = `${props.title} · Wanderamt`;
    scrollTo(0, 0);
  }, [props.title]);
  return (
    <main>
      {props.back !== undefined && (
        <a class="back" href={props.back}>
          {t("back")}
        </a>
      )}
      <h1 ref={head} tabIndex={-1}>
        {props.title}
      </h1>
      {props.children}
    </main>
  );
}

export type Mood = "good" | "bad" | "doubt" | "plain";

export function Notice(props: { mood: Mood; children: ComponentChildren }) {
  return (
    <div class={`notice ${props.mood}`} role={props.mood === "bad" ? "alert" : "status"}>
      {props.children}
    </div>
  );
}

/** One thing at a time: while it is done nothing else can be pressed, and what went wrong is said where it was pressed. */
export function Do(props: {
  label: string;
  does: () => Promise<unknown> | unknown;
  kind?: "main" | "plain" | "danger";
  disabled?: boolean;
  testid?: string;
}) {
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const alive = useRef(true);
  useEffect(() => () => void (alive.current = false), []);
  const press = async () => {
    if (busy) return;
    setBusy(true);
    setWrong("");
    try {
      await props.does();
    } catch (error) {
      if (alive.current) setWrong(sentence(error));
    } finally {
      if (alive.current) setBusy(false);
    }
  };
  return (
    <>
      <button
        type="button"
        class={props.kind ?? "plain"}
        aria-disabled={busy || props.disabled ? "true" : undefined}
        onClick={() => !props.disabled && press()}
        data-testid={props.testid}
      >
        {busy ? t("busy") : props.label}
      </button>
      {wrong && <Notice mood="bad">{wrong}</Notice>}
    </>
  );
}

/** What happened, and what to do next. */
export function sentence(error: unknown): string {
  if (error instanceof Problem) return reason(error.code, error.hint);
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError") return t("error.full");
  const known: Record<string, string> = {
    NoAnswer: "error.no_network",
    TypeError: "error.no_network",
    TimeoutError: "error.no_network",
    NoNumbers: "error.no_numbers",
    BundleWrong: "error.bundle",
  };
  const own = error instanceof Error ? t(error.message) : "";
  if (error instanceof Error && own !== error.message) return own;
  if (!known[name]) void reportError(error);
  return t(known[name] ?? "error.other", { what: name });
}

export function Text(props: {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  help?: string | undefined;
  wrong?: string | undefined;
  type?: "text" | "password" | "date" | "tel" | "email";
  inputMode?: "text" | "numeric" | "tel" | "email" | "decimal";
  autoComplete?: string;
  maxLength?: number;
}) {
  const about = [props.help && `${props.id}-help`, props.wrong && `${props.id}-wrong`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={props.id}>{props.label}</label>
      {props.help && (
        <p class="help" id={`${props.id}-help`}>
          {props.help}
        </p>
      )}
      <input
        id={props.id}
        name={props.id}
        type={(props.type ?? "text") as "text"}
        inputMode={props.inputMode ?? "text"}
        autocomplete={props.autoComplete ?? "off"}
        maxLength={props.maxLength ?? 200}
        value={props.value}
        aria-invalid={props.wrong ? "true" : undefined}
        aria-describedby={about || undefined}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {props.wrong && (
        <p class="wrong" id={`${props.id}-wrong`}>
          {props.wrong}
        </p>
      )}
    </div>
  );
}

export function Choice<T extends string>(props: {
  id: string;
  legend: string;
  value: T | undefined;
  options: { value: T; label: string; note?: string }[];
  onChoose: (value: T) => void;
  help?: string | undefined;
  wrong?: string | undefined;
}) {
  return (
    <fieldset class="field" id={props.id} tabIndex={-1}>
      <legend>{props.legend}</legend>
      {props.help && <p class="help">{props.help}</p>}
      {props.options.map((one) => (
        <label class="option" key={one.value}>
          <input
            type="radio"
            name={props.id}
            value={one.value}
            checked={props.value === one.value}
            onChange={() => props.onChoose(one.value)}
          />
          <span>
            {one.label}
            {one.note && <small>{one.note}</small>}
          </span>
        </label>
      ))}
      {props.wrong && <p class="wrong">{props.wrong}</p>}
    </fieldset>
  );
}

export function Facts(props: { rows: [string, ComponentChildren][] }) {
  return (
    <dl>
      {props.rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Hands a file to the browser's downloads. */
export function saveFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** What is not at the office, sealed. */
export async function saveExport(): Promise<void> {
  const day = new Date(now()).toISOString().slice(0, 16).replaceAll(/[:T]/g, "-");
  saveFile(await exportSealed(), `wanderamt-${day}.wanderamt`);
}
