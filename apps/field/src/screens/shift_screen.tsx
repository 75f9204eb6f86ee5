// The end of a shift: closes the till, returns numbers, exports unsynced data, wipes the device.
import { useState } from "preact/hooks";
import { findOpenTill } from "../domain/case_actions.ts";
import { formatEuro } from "../domain/fees.ts";
import { canWipe, expectedCash, heldBlocks, openTill, returnNumbers, wipeDevice } from "../domain/shift.ts";
import { currentLanguage, formatDateTime, t } from "../i18n/texts.ts";
import type { TillRow } from "../model/rows.ts";
import { database, getFact } from "../platform/database.ts";
import type { Session } from "../session/session.ts";
import { countUnsynced } from "../store/outbox.ts";
import { syncNow } from "../sync/engine.ts";
import { closeTill, type TillClosing } from "../sync/tills.ts";
import { ActionButton, DescriptionList, downloadExport, Notice, Page, TextField, useLive } from "./components.tsx";

async function loadState() {
  const [till, waiting, blocks, wipeable] = await Promise.all([
    findOpenTill(),
    countUnsynced(),
    heldBlocks(),
    canWipe(),
  ]);
  const exported = await getFact<{ at: number }>("exported");
  const closed = (await (await database()).getAll("tills")).filter((till) => till.closed);
  const unused = blocks.reduce((sum, block) => sum + block.numbers.length - block.taken, 0);
  return { till, waiting, blocks: blocks.length, unused, wipeable, exported, closed };
}

export function ShiftScreen(props: { session: Session }) {
  const state = useLive(loadState);
  const [returned, setReturned] = useState<number>();
  if (!state) return null;
  const { till, waiting, blocks, unused, wipeable, exported, closed } = state;
  return (
    <Page title={t("shift.title")} back="#/queue">
      <section>
        <h2>{t("shift.unsent")}</h2>
        {waiting === 0 ? (
          <Notice tone="good">{t("outbox.empty")}</Notice>
        ) : (
          <>
            <Notice tone="doubt">{t("shift.waiting", { n: waiting })}</Notice>
            <ActionButton kind="main" label={t("outbox.send")} action={syncNow} />
            <a class="button" href="#/outbox">
              {t("outbox.title")}
            </a>
          </>
        )}
      </section>
      <section>
        <h2>{t("shift.till")}</h2>
        {till ? <CloseTillForm session={props.session} till={till} /> : <OpenTillForm session={props.session} />}
        {closed.map((closedTill) => (
          <DescriptionList
            key={closedTill.till_id}
            rows={[
              [t("till.closed"), formatDateTime(closedTill.opened_at)],
              [t("till.expected"), formatEuro(expectedCash(closedTill), currentLanguage())],
              [t("till.counted"), formatEuro(closedTill.counted_cents ?? 0, currentLanguage())],
              [
                t("till.difference"),
                formatEuro((closedTill.counted_cents ?? 0) - expectedCash(closedTill), currentLanguage()),
              ],
            ]}
          />
        ))}
      </section>
      <section>
        <h2>{t("shift.numbers")}</h2>
        {returned !== undefined && <Notice tone="good">{t("shift.returned", { n: returned })}</Notice>}
        {blocks === 0 ? (
          <p class="quiet">{t("shift.no_numbers")}</p>
        ) : (
          <>
            <p>{t("shift.unused", { n: unused })}</p>
            <ActionButton
              label={t("shift.return")}
              disabled={waiting > 0}
              action={async () => setReturned(await returnNumbers(props.session))}
            />
          </>
        )}
      </section>
      <section>
        <h2>{t("shift.device")}</h2>
        {waiting > 0 && (
          <>
            <p>{t("shift.export_what")}</p>
            <ActionButton testid="export" label={t("shift.export")} action={downloadExport} />
            {exported && <p class="quiet">{t("shift.exported", { at: formatDateTime(exported.at) })}</p>}
          </>
        )}
        {wipeable ? <p>{t("shift.may_wipe")}</p> : <Notice tone="doubt">{t("shift.may_not_wipe")}</Notice>}
        <ActionButton
          kind="danger"
          testid="wipe"
          label={t("shift.wipe")}
          disabled={!wipeable}
          action={async () => (await wipeDevice(), location.reload())}
        />
      </section>
    </Page>
  );
}

const parseCents = (text: string): number | null => {
  const match = /^(\d{1,5})(?:[.,](\d{1,2}))?$/.exec(text.trim());
  return match ? Number(match[1]) * 100 + Number((match[2] ?? "0").padEnd(2, "0")) : null;
};

function OpenTillForm(props: { session: Session }) {
  const [float, setFloat] = useState("");
  return (
    <>
      <p>{t("till.none")}</p>
      <TextField id="float" label={t("till.float")} inputMode="decimal" value={float} onInput={setFloat} />
      <ActionButton
        label={t("till.open")}
        testid="open-till"
        disabled={parseCents(float) === null}
        action={() => openTill(props.session.stand.stand_id, parseCents(float)!)}
      />
    </>
  );
}

function CloseTillForm(props: { session: Session; till: TillRow }) {
  const [counted, setCounted] = useState("");
  const [note, setNote] = useState("");
  const [closing, setClosing] = useState<TillClosing>();
  const { till } = props;
  const [sum, expected] = [parseCents(counted), expectedCash(till)];
  const difference = sum === null ? 0 : sum - expected;
  return (
    <>
      <DescriptionList
        rows={[
          [t("till.float"), formatEuro(till.float_cents, currentLanguage())],
          [t("till.cash"), formatEuro(till.cash_cents, currentLanguage())],
          [t("till.card"), formatEuro(till.card_cents, currentLanguage())],
          [t("till.waived"), till.waived],
          [t("till.receipts"), till.receipts],
          [t("till.expected"), formatEuro(expected, currentLanguage())],
        ]}
      />
      <TextField id="counted" label={t("till.count")} inputMode="decimal" value={counted} onInput={setCounted} />
      {sum !== null && (
        <Notice tone={difference ? "doubt" : "good"}>
          {t("till.difference_is", { sum: formatEuro(difference, currentLanguage()) })}
        </Notice>
      )}
      {difference !== 0 && <TextField id="till-note" label={t("till.note")} value={note} onInput={setNote} />}
      <ActionButton
        kind="main"
        testid="close-till"
        label={t("till.close")}
        disabled={sum === null || (difference !== 0 && !note.trim())}
        action={async () => setClosing(await closeTill(props.session, till, sum!, note.trim()))}
      />
      {closing && (
        <Notice tone="good">
          {t("till.told", { sum: formatEuro(closing.difference_cents ?? 0, currentLanguage()) })}
        </Notice>
      )}
    </>
  );
}
