// The list of unsynced entries and photos with their states, and the button to send them now.
import { useEffect, useState } from "preact/hooks";
import { formatDateTime, formatSize, reasonText, t } from "../i18n/texts.ts";
import type { EntryRow, FileRow } from "../model/rows.ts";
import { hasKey } from "../platform/vault.ts";
import { countUnsyncedByKind, dismissEntry, loadCase, retryFile, unsynced } from "../store/outbox.ts";
import { type SyncStatus, syncNow, syncStatus } from "../sync/engine.ts";
import { ActionButton, Notice, Page, type Tone, useLive } from "./components.tsx";

const TONES: Record<string, Tone> = { device: "plain", sent: "plain", held: "doubt", conflict: "bad", refused: "bad" };
const MAX_SHOWN = 300;

export function OutboxScreen() {
  const unsyncedRows = useLive(loadUnsynced);
  if (!unsyncedRows) return null;
  const { entries, files, names, counts } = unsyncedRows;
  const count = counts.entries + counts.files;
  const isEmpty = count === 0;
  return (
    <Page title={t("outbox.title")} back="#/queue">
      <SyncLine />
      {isEmpty ? (
        <Notice tone="good">{t("outbox.empty")}</Notice>
      ) : (
        <p data-testid="waiting" data-count={count}>
          {t("outbox.count", counts)}
        </p>
      )}
      {!isEmpty && <ActionButton kind="main" testid="send-now" label={t("outbox.send")} action={syncNow} />}
      {entries.some((row) => row.state === "conflict") && (
        <a class="button" href="#/conflicts">
          {t("outbox.conflicts")}
        </a>
      )}
      <ul class="list">
        {entries.slice(0, MAX_SHOWN).map((row) => (
          <EntryItem key={row.entry_id} row={row} called={names.get(row.case_id) ?? ""} />
        ))}
        {files.slice(0, MAX_SHOWN).map((row) => (
          <FileItem key={row.attachment_id} row={row} called={names.get(row.case_id) ?? ""} />
        ))}
      </ul>
      {count > MAX_SHOWN && <p class="quiet">{t("outbox.more", { n: MAX_SHOWN })}</p>}
    </Page>
  );
}

async function loadUnsynced() {
  const [rows, counts] = await Promise.all([unsynced(MAX_SHOWN), countUnsyncedByKind()]);
  return { ...rows, counts, names: hasKey() ? await loadCallNames([...rows.entries, ...rows.files]) : new Map() };
}

async function loadCallNames(rows: { case_id: string }[]): Promise<Map<string, string>> {
  const ids = [...new Set(rows.map((row) => row.case_id))].slice(0, MAX_SHOWN);
  const views = await Promise.all(ids.map((id) => loadCase(id)));
  return new Map(views.filter((view) => view !== null).map((view) => [view.case_id, view.called]));
}

function EntryItem(props: { row: EntryRow; called: string }) {
  const { row } = props;
  const reason = row.code ? reasonText(row.code, row.hint) : "";
  const state = row.state === "device" && row.code ? "again" : row.state;
  return (
    <li class={TONES[row.state]} data-state={row.state}>
      <a href={`#/case/${row.case_id}`}>
        <b>{props.called}</b> {t(`type.${row.type}`)} <small>{formatDateTime(row.written_at)}</small>
      </a>
      <span class="state">{t(`state.${state}`, { why: reason })}</span>
      {row.state === "refused" && (
        <ActionButton label={t("outbox.dismiss")} action={() => dismissEntry(row.entry_id)} />
      )}
    </li>
  );
}

function FileItem(props: { row: FileRow; called: string }) {
  const { row } = props;
  const reason = row.code ? reasonText(row.code, row.hint) : "";
  const label = t("outbox.photo", { size: formatSize(row.length) });
  return (
    <li class={TONES[row.state]} data-state={row.state}>
      <span>
        <b>{props.called}</b> {label}
      </span>
      <span class="state">{t(`state.${row.state}`, { why: reason })}</span>
      {row.state === "refused" && (
        <ActionButton
          label={t("outbox.again")}
          action={async () => {
            await retryFile(row.attachment_id);
            syncNow();
          }}
        />
      )}
      {row.sent > 0 && <progress max={row.length} value={row.sent} aria-label={label} />}
    </li>
  );
}

/** The state of the sync engine in words. */
export function SyncLine() {
  const [status, setStatus] = useState<SyncStatus>(syncStatus());
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
    <p class="quiet">
      {t(`sync.${status.phase}`, { n: seconds, why: status.reasonCode ? reasonText(status.reasonCode, "") : "" })}
    </p>
  );
}
