// Components shared by the screens.
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { exportSealed } from "../domain/shift.ts";
import { reasonText, t } from "../i18n/texts.ts";
import { now } from "../platform/clock.ts";
import { ProblemError } from "../platform/http.ts";
import { onChange } from "../store/changes.ts";
import { recordError } from "../store/reports.ts";

const FAILED = Symbol("nothing");

/** The result of `load`, loaded again after each change on the device; undefined until the first result. */
export function useLive<T>(load: () => Promise<T>, ...dependencies: unknown[]): T | undefined {
  const [value, setValue] = useState<T>();
  useEffect(() => {
    let current = true;
    let [loading, stale] = [false, false];
    const reload = async () => {
      stale = true;
      if (loading) return; // one load at a time; a change meanwhile causes another one
      loading = true;
      while (current && stale) {
        stale = false;
        // the device was locked meanwhile: the screen is about to change
        const loaded = await load().catch(() => FAILED);
        if (current && loaded !== FAILED) setValue(() => loaded as T);
      }
      loading = false;
    };
    void reload();
    const unsubscribe = onChange(() => void reload());
    return () => {
      current = false;
      unsubscribe();
    };
  }, dependencies);
  return value;
}

/** Moves the focus to the heading, for keyboards and screen readers. This happens before the first paint, so that it
 * does not steal the focus from a fast user. */
export function Page(props: { title: string; back?: string; children: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    heading.current?.focus({ preventScroll: true });
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
      <h1 ref={heading} tabIndex={-1}>
        {props.title}
      </h1>
      {props.children}
    </main>
  );
}

export type Tone = "good" | "bad" | "doubt" | "plain";

export function Notice(props: { tone: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice ${props.tone}`} role={props.tone === "bad" ? "alert" : "status"}>
      {props.children}
    </div>
  );
}

/** A button for an action. It cannot be pressed again while the action runs, and shows the action's error below
 * itself. */
export function ActionButton(props: {
  label: string;
  action: () => Promise<unknown> | unknown;
  kind?: "main" | "plain" | "danger";
  disabled?: boolean;
  testid?: string;
}) {
  const [busy, setBusy] = useState(false);
  const [errorMessage, setErrorMessage] = useState("");
  const alive = useRef(true);
  useEffect(() => () => void (alive.current = false), []);
  const press = async () => {
    if (busy) return;
    setBusy(true);
    setErrorMessage("");
    try {
      await props.action();
    } catch (error) {
      if (alive.current) setErrorMessage(errorText(error));
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
      {errorMessage && <Notice tone="bad">{errorMessage}</Notice>}
    </>
  );
}

/** A text that says what happened and what to do next. */
export function errorText(error: unknown): string {
  if (error instanceof ProblemError) return reasonText(error.code, error.hint);
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "QuotaExceededError") return t("error.full");
  const texts: Record<string, string> = {
    NoAnswerError: "error.no_network",
    TypeError: "error.no_network",
    TimeoutError: "error.no_network",
    NoNumbersError: "error.no_numbers",
    InvalidBundleError: "error.bundle",
  };
  const ownText = error instanceof Error ? t(error.message) : "";
  if (error instanceof Error && ownText !== error.message) return ownText;
  if (!texts[name]) void recordError(error);
  return t(texts[name] ?? "error.other", { what: name });
}

export function TextField(props: {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  help?: string | undefined;
  error?: string | undefined;
  type?: "text" | "password" | "date" | "tel" | "email";
  inputMode?: "text" | "numeric" | "tel" | "email" | "decimal";
  autoComplete?: string;
  maxLength?: number;
}) {
  const describedBy = [props.help && `${props.id}-help`, props.error && `${props.id}-wrong`].filter(Boolean).join(" ");
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
        aria-invalid={props.error ? "true" : undefined}
        aria-describedby={describedBy || undefined}
        onInput={(event) => props.onInput(event.currentTarget.value)}
      />
      {props.error && (
        <p class="wrong" id={`${props.id}-wrong`}>
          {props.error}
        </p>
      )}
    </div>
  );
}

export function ChoiceField<T extends string>(props: {
  id: string;
  legend: string;
  value: T | undefined;
  options: { value: T; label: string; note?: string }[];
  onChoose: (value: T) => void;
  help?: string | undefined;
  error?: string | undefined;
}) {
  return (
    <fieldset class="field" id={props.id} tabIndex={-1}>
      <legend>{props.legend}</legend>
      {props.help && <p class="help">{props.help}</p>}
      {props.options.map((option) => (
        <label class="option" key={option.value}>
          <input
            type="radio"
            name={props.id}
            value={option.value}
            checked={props.value === option.value}
            onChange={() => props.onChoose(option.value)}
          />
          <span>
            {option.label}
            {option.note && <small>{option.note}</small>}
          </span>
        </label>
      ))}
      {props.error && <p class="wrong">{props.error}</p>}
    </fieldset>
  );
}

export function DescriptionList(props: { rows: [string, ComponentChildren][] }) {
  return (
    <dl>
      {props.rows.map(([name, value]) => (
        <div key={typeof value === "string" ? `${name} ${value}` : name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function downloadFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Downloads the sealed export of unsynced data. */
export async function downloadExport(): Promise<void> {
  const day = new Date(now()).toISOString().slice(0, 16).replaceAll(/[:T]/g, "-");
  downloadFile(await exportSealed(), `wanderamt-${day}.wanderamt`);
}
