// Before leaving for a stand: loads the bundle, and shows its contents, size and age and the state of the storage.
import { useState } from "preact/hooks";
import {
  bundleSize,
  canStamp,
  currentBundle,
  isExpired,
  loadBundle,
  MIN_NUMBERS,
  remainingNumbers,
} from "../domain/bundle.ts";
import { formatDateTime, formatSize, formatTime, t } from "../i18n/texts.ts";
import { now } from "../platform/clock.ts";
import type { Session } from "../session/session.ts";
import { ActionButton, DescriptionList, Notice, Page, type Tone, useLive } from "./components.tsx";

interface CheckLine {
  tone: Tone;
  text: string;
}

async function loadState(session: Session) {
  const bundle = await currentBundle(session);
  const numbers = await remainingNumbers();
  const { bytes, packed } = await bundleSize();
  const persisted = (await navigator.storage?.persisted?.()) ?? false;
  const storage = (await navigator.storage?.estimate?.()) ?? {};
  return { bundle, numbers, bytes, packed, persisted, storage };
}

export function PrepareScreen(props: { session: Session }) {
  const state = useLive(() => loadState(props.session), props.session.token);
  const [loadStep, setLoadStep] = useState("");
  if (!state) return null;
  const { bundle, numbers, bytes, packed, persisted, storage } = state;
  const fewNumbers = Math.min(numbers.GZ, numbers.BE, numbers.UK) < MIN_NUMBERS / 2;
  const lines: CheckLine[] = [
    bundle
      ? {
          tone: isExpired(bundle) ? "bad" : "good",
          text: t("prepare.loaded", { at: formatDateTime(Date.parse(bundle.as_of)) }),
        }
      : { tone: "bad", text: t("prepare.none") },
    {
      tone: fewNumbers ? "doubt" : "good",
      text: t("prepare.numbers", { gz: numbers.GZ, be: numbers.BE, uk: numbers.UK }),
    },
    bundle && canStamp(bundle)
      ? { tone: "good", text: t("prepare.certified", { until: formatDateTime(Date.parse(bundle.certified_until!)) }) }
      : { tone: "doubt", text: t("prepare.not_certified") },
    { tone: persisted ? "good" : "doubt", text: t(persisted ? "prepare.persisted" : "prepare.not_persisted") },
    {
      tone: (storage.quota ?? 0) - (storage.usage ?? 0) < 200e6 ? "doubt" : "good",
      text: t("prepare.quota", { used: formatSize(storage.usage ?? 0), quota: formatSize(storage.quota ?? 0) }),
    },
  ];
  const ready = bundle && !isExpired(bundle) && !fewNumbers;
  return (
    <Page title={t("prepare.title")}>
      <p>
        {t("prepare.intro", {
          place: props.session.stand.place,
          at: formatDateTime(Date.parse(props.session.stand.starts_at)),
        })}
      </p>
      <ul class="checks">
        {lines.map((line) => (
          <li key={line.text} class={line.tone}>
            <span aria-hidden="true">{line.tone === "good" ? "✓" : "!"}</span> {line.text}
          </li>
        ))}
      </ul>
      {bundle && (
        <>
          <DescriptionList
            rows={[
              [t("prepare.size"), t("prepare.size_of", { packed: formatSize(packed), bytes: formatSize(bytes) })],
              [
                t("prepare.age"),
                t("prepare.age_of", { n: Math.max(0, Math.round((now() - Date.parse(bundle.as_of)) / 60_000)) }),
              ],
              [t("prepare.until"), formatDateTime(Date.parse(bundle.expires_at))],
              [t("prepare.appointments"), bundle.appointments.length],
              [t("prepare.services"), bundle.services.length],
            ]}
          />
          <table>
            <caption>{t("prepare.parts")}</caption>
            <tbody>
              {Object.entries(bundle.sizes).map(([part, bytes]) => (
                <tr key={part}>
                  <th scope="row">{t(`part.${part}`)}</th>
                  <td>{formatSize(bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      {loadStep && (
        <p role="status">
          {t(`prepare.step.${loadStep}`)}{" "}
          <progress max={3} value={["numbers", "bundle", "check"].indexOf(loadStep) + 1} aria-label={t("busy")} />
        </p>
      )}
      <ActionButton
        kind={ready ? "plain" : "main"}
        testid="load"
        label={t(bundle ? "prepare.reload" : "prepare.load")}
        action={async () => {
          await navigator.storage?.persist?.();
          try {
            await loadBundle(props.session, setLoadStep);
          } finally {
            setLoadStep("");
          }
        }}
      />
      {ready ? (
        <>
          <Notice tone="good">{t("prepare.ready", { at: formatTime(now()) })}</Notice>
          <a class="button main" href="#/queue">
            {t("prepare.go")}
          </a>
        </>
      ) : (
        <Notice tone="doubt">{t("prepare.not_ready")}</Notice>
      )}
    </Page>
  );
}
