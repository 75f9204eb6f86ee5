// Before leaving: what the device takes along, how big and how old it is, and whether it will still be there tomorrow.
import { useState } from "preact/hooks";
import { now } from "../device/clock.ts";
import type { Session } from "../device/session.ts";
import { bundle, bundleSize, ENOUGH, expired, load, mayStamp, numbersLeft } from "../stand/bundle.ts";
import { moment, size, t, time } from "../words/texts.ts";
import { Do, Facts, type Mood, Notice, Page, useLive } from "./parts.tsx";

interface Line {
  mood: Mood;
  text: string;
}

async function look(own: Session) {
  const found = await bundle(own);
  const left = await numbersLeft();
  const { bytes, packed } = await bundleSize();
  const persisted = (await navigator.storage?.persisted?.()) ?? false;
  const room = (await navigator.storage?.estimate?.()) ?? {};
  return { found, left, bytes, packed, persisted, room };
}

export function Prepare(props: { session: Session }) {
  const seen = useLive(() => look(props.session), props.session.token);
  const [doing, setDoing] = useState("");
  if (!seen) return null;
  const { found, left, bytes, packed, persisted, room } = seen;
  const few = Math.min(left.GZ, left.BE, left.UK) < ENOUGH / 2;
  const lines: Line[] = [
    found
      ? { mood: expired(found) ? "bad" : "good", text: t("prepare.loaded", { at: moment(Date.parse(found.as_of)) }) }
      : { mood: "bad", text: t("prepare.none") },
    { mood: few ? "doubt" : "good", text: t("prepare.numbers", { gz: left.GZ, be: left.BE, uk: left.UK }) },
    found && mayStamp(found)
      ? { mood: "good", text: t("prepare.certified", { until: moment(Date.parse(found.certified_until!)) }) }
      : { mood: "doubt", text: t("prepare.not_certified") },
    { mood: persisted ? "good" : "doubt", text: t(persisted ? "prepare.persisted" : "prepare.not_persisted") },
    {
      mood: (room.quota ?? 0) - (room.usage ?? 0) < 200e6 ? "doubt" : "good",
      text: t("prepare.quota", { used: size(room.usage ?? 0), quota: size(room.quota ?? 0) }),
    },
  ];
  const ready = found && !expired(found) && !few;
  return (
    <Page title={t("prepare.title")}>
      <p>
        {t("prepare.intro", {
          place: props.session.stand.place,
          at: moment(Date.parse(props.session.stand.starts_at)),
        })}
      </p>
      <ul class="checks">
        {lines.map((line) => (
          <li key={line.text} class={line.mood}>
            <span aria-hidden="true">{line.mood === "good" ? "✓" : "!"}</span> {line.text}
          </li>
        ))}
      </ul>
      {found && (
        <>
          <Facts
            rows={[
              [t("prepare.size"), t("prepare.size_of", { packed: size(packed), bytes: size(bytes) })],
              [
                t("prepare.age"),
                t("prepare.age_of", { n: Math.max(0, Math.round((now() - Date.parse(found.as_of)) / 60_000)) }),
              ],
              [t("prepare.until"), moment(Date.parse(found.expires_at))],
              [t("prepare.appointments"), found.appointments.length],
              [t("prepare.services"), found.services.length],
            ]}
          />
          <table>
            <caption>{t("prepare.parts")}</caption>
            <tbody>
              {Object.entries(found.sizes).map(([part, bytes]) => (
                <tr key={part}>
                  <th scope="row">{t(`part.${part}`)}</th>
                  <td>{size(bytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
      {doing && (
        <p role="status">
          {t(`prepare.step.${doing}`)}{" "}
          <progress max={3} value={["numbers", "bundle", "check"].indexOf(doing) + 1} aria-label={t("busy")} />
        </p>
      )}
      <Do
        kind={ready ? "plain" : "main"}
        testid="load"
        label={t(found ? "prepare.reload" : "prepare.load")}
        does={async () => {
          await navigator.storage?.persist?.();
          try {
            await load(props.session, setDoing);
          } finally {
            setDoing("");
          }
        }}
      />
      {ready ? (
        <>
          <Notice mood="good">{t("prepare.ready", { at: time(now()) })}</Notice>
          <a class="button main" href="#/queue">
            {t("prepare.go")}
          </a>
        </>
      ) : (
        <Notice mood="doubt">{t("prepare.not_ready")}</Notice>
      )}
    </Page>
  );
}
