// The one list of what is not at the office yet, each with its state in words, and the way to send it now.
import { useEffect, useState } from "preact/hooks";
import { hasKey } from "../device/vault.ts";
import type { EntryRow, FileRow } from "../store/db.ts";
import { caseView, countsNotAtOffice, dismiss, notAtOffice, sendFileAgain } from "../store/outbox.ts";
import { type Status, sendNow, syncStatus } from "../sync/engine.ts";
import { moment, reason, size, t } from "../words/texts.ts";
import { Do, type Mood, Notice, Page, useLive } from "./parts.tsx";

const MOODS: Record<string, Mood> = { device: "plain", sent: "plain", held: "doubt", conflict: "bad", refused: "bad" };
const SHOWN = 300;

export function Outbox() {
  const found = useLive(look);
  if (!found) return null;
  const { entries, files, names, counts } = found;
  const count = counts.entries + counts.files;
  const none = count === 0;
  return (
    <Page title={t("outbox.title")} back="#/queue">
      <SyncLine />
      {none ? (
        <Notice mood="good">{t("outbox.empty")}</Notice>
      ) : (
        <p data-testid="waiting" data-count={count}>
          {t("outbox.count", counts)}
        </p>
      )}
      {!none && <Do kind="main" testid="send-now" label={t("outbox.send")} does={sendNow} />}
      {entries.some((one) => one.state === "conflict") && (
        <a class="button" href="#/conflicts">
          {t("outbox.conflicts")}
        </a>
      )}
      <ul class="list">
        {entries.slice(0, SHOWN).map((row) => (
          <Entry key={row.entry_id} row={row} called={names.get(row.case_id) ?? ""} />
        ))}
        {files.slice(0, SHOWN).map((row) => (
          <File key={row.attachment_id} row={row} called={names.get(row.case_id) ?? ""} />
        ))}
      </ul>
      {count > SHOWN && <p class="quiet">{t("outbox.more", { n: SHOWN })}</p>}
    </Page>
  );
}

async function look() {
  const [rows, counts] = await Promise.all([notAtOffice(SHOWN), countsNotAtOffice()]);
  return { ...rows, counts, names: hasKey() ? await callNames([...rows.entries, ...rows.files]) : new Map() };
}

async function callNames(rows: { case_id: string }[]): Promise<Map<string, string>> {
  const ids = [...new Set(rows.map((row) => row.case_id))].slice(0, SHOWN);
  const views = await Promise.all(ids.map((id) => caseView(id)));
  return new Map(views.filter((view) => view !== null).map((view) => [view.case_id, view.called]));
}

function Entry(props: { row: EntryRow; called: string }) {
  const { row } = props;
  const why = row.code ? reason(row.code, row.hint) : "";
  return (
    <li class={MOODS[row.state]} data-state={row.state}>
      <a href={`#/case/${row.case_id}`}>
        <b>{props.called}</b> {t(`type.${row.type}`)} <small>{moment(row.written_at)}</small>
      </a>
      <span class="state">{t(`state.${row.state}`, { why })}</span>
      {row.state === "refused" && <Do label={t("outbox.dismiss")} does={() => dismiss(row.entry_id)} />}
    </li>
  );
}

function File(props: { row: FileRow; called: string }) {
  const { row } = props;
  const why = row.code ? reason(row.code, row.hint) : "";
  const label = t("outbox.photo", { size: size(row.length) });
  return (
    <li class={MOODS[row.state]} data-state={row.state}>
      <span>
        <b>{props.called}</b> {label}
      </span>
      <span class="state">{t(`state.${row.state}`, { why })}</span>
      {row.state === "refused" && (
        <Do
          label={t("outbox.again")}
          does={async () => {
            await sendFileAgain(row.attachment_id);
            sendNow();
          }}
        />
      )}
      {row.sent > 0 && <progress max={row.length} value={row.sent} aria-label={label} />}
    </li>
  );
}

/** How the sending stands, in words. */
export function SyncLine() {
  const [status, setStatus] = useState<Status>(syncStatus());
  const [, tick] = useState(0);
  const live = useLive(async () => syncStatus());
  useEffect(() => {
    setStatus(syncStatus());
  }, [live]);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.max(0, Math.round((status.nextAt - Date.now()) / 1000));
  return (
    <p class="quiet">{t(`sync.${status.phase}`, { n: seconds, why: status.why ? reason(status.why, "") : "" })}</p>
  );
}
