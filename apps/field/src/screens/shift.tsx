// The end of a shift: money counted, numbers given back, nothing left on the device, or all of it in a sealed file.
import { useState } from "preact/hooks";
import type { Session } from "../device/session.ts";
import { openTill } from "../stand/desk.ts";
import { euro } from "../stand/fees.ts";
import { beginTill, blocksHeld, expectedCash, mayWipe, returnNumbers, wipe } from "../stand/shift.ts";
import { database, fact, type TillRow } from "../store/db.ts";
import { countNotAtOffice } from "../store/outbox.ts";
import { sendNow } from "../sync/engine.ts";
import { closeTill, type Reckoning } from "../sync/tills.ts";
import { moment, spoken, t } from "../words/texts.ts";
import { Do, Facts, Notice, Page, saveExport, Text, useLive } from "./parts.tsx";

async function look() {
  const [till, waiting, blocks, wipeable] = await Promise.all([
    openTill(),
    countNotAtOffice(),
    blocksHeld(),
    mayWipe(),
  ]);
  const exported = await fact<{ at: number }>("exported");
  const closed = (await (await database()).getAll("tills")).filter((one) => one.closed);
  const unused = blocks.reduce((sum, block) => sum + block.numbers.length - block.taken, 0);
  return { till, waiting, blocks: blocks.length, unused, wipeable, exported, closed };
}

export function Shift(props: { session: Session }) {
  const seen = useLive(look);
  const [returned, setReturned] = useState<number>();
  if (!seen) return null;
  const { till, waiting, blocks, unused, wipeable, exported, closed } = seen;
  return (
    <Page title={t("shift.title")} back="#/queue">
      <section>
        <h2>{t("shift.unsent")}</h2>
        {waiting === 0 ? (
          <Notice mood="good">{t("outbox.empty")}</Notice>
        ) : (
          <>
            <Notice mood="doubt">{t("shift.waiting", { n: waiting })}</Notice>
            <Do kind="main" label={t("outbox.send")} does={sendNow} />
            <a class="button" href="#/outbox">
              {t("outbox.title")}
            </a>
          </>
        )}
      </section>
      <section>
        <h2>{t("shift.till")}</h2>
        {till ? <CloseTill session={props.session} till={till} /> : <OpenTill session={props.session} />}
        {closed.map((one) => (
          <Facts
            key={one.till_id}
            rows={[
              [t("till.closed"), moment(one.opened_at)],
              [t("till.expected"), euro(expectedCash(one), spoken())],
              [t("till.counted"), euro(one.counted_cents ?? 0, spoken())],
              [t("till.difference"), euro((one.counted_cents ?? 0) - expectedCash(one), spoken())],
            ]}
          />
        ))}
      </section>
      <section>
        <h2>{t("shift.numbers")}</h2>
        {returned !== undefined && <Notice mood="good">{t("shift.returned", { n: returned })}</Notice>}
        {blocks === 0 ? (
          <p class="quiet">{t("shift.no_numbers")}</p>
        ) : (
          <>
            <p>{t("shift.unused", { n: unused })}</p>
            <Do
              label={t("shift.return")}
              disabled={waiting > 0}
              does={async () => setReturned(await returnNumbers(props.session))}
            />
          </>
        )}
      </section>
      <section>
        <h2>{t("shift.device")}</h2>
        {waiting > 0 && (
          <>
            <p>{t("shift.export_what")}</p>
            <Do testid="export" label={t("shift.export")} does={saveExport} />
            {exported && <p class="quiet">{t("shift.exported", { at: moment(exported.at) })}</p>}
          </>
        )}
        {wipeable ? <p>{t("shift.may_wipe")}</p> : <Notice mood="doubt">{t("shift.may_not_wipe")}</Notice>}
        <Do
          kind="danger"
          testid="wipe"
          label={t("shift.wipe")}
          disabled={!wipeable}
          does={async () => (await wipe(), location.reload())}
        />
      </section>
    </Page>
  );
}

const cents = (typed: string): number | null => {
  const found = /^(\d{1,5})(?:[.,](\d{1,2}))?$/.exec(typed.trim());
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "0").padEnd(2, "0")) : null;
};

function OpenTill(props: { session: Session }) {
  const [float, setFloat] = useState("");
  return (
    <>
      <p>{t("till.none")}</p>
      <Text id="float" label={t("till.float")} inputMode="decimal" value={float} onInput={setFloat} />
      <Do
        label={t("till.open")}
        testid="open-till"
        disabled={cents(float) === null}
        does={() => beginTill(props.session.stand.stand_id, cents(float)!)}
      />
    </>
  );
}

function CloseTill(props: { session: Session; till: TillRow }) {
  const [counted, setCounted] = useState("");
  const [note, setNote] = useState("");
  const [told, setTold] = useState<Reckoning>();
  const { till } = props;
  const [sum, expected] = [cents(counted), expectedCash(till)];
  const difference = sum === null ? 0 : sum - expected;
  return (
    <>
      <Facts
        rows={[
          [t("till.float"), euro(till.float_cents, spoken())],
          [t("till.cash"), euro(till.cash_cents, spoken())],
          [t("till.card"), euro(till.card_cents, spoken())],
          [t("till.waived"), till.waived],
          [t("till.receipts"), till.receipts],
          [t("till.expected"), euro(expected, spoken())],
        ]}
      />
      <Text id="counted" label={t("till.count")} inputMode="decimal" value={counted} onInput={setCounted} />
      {sum !== null && (
        <Notice mood={difference ? "doubt" : "good"}>
          {t("till.difference_is", { sum: euro(difference, spoken()) })}
        </Notice>
      )}
      {difference !== 0 && <Text id="till-note" label={t("till.note")} value={note} onInput={setNote} />}
      <Do
        kind="main"
        testid="close-till"
        label={t("till.close")}
        disabled={sum === null || (difference !== 0 && !note.trim())}
        does={async () => setTold(await closeTill(props.session, till, sum!, note.trim()))}
      />
      {told && <Notice mood="good">{t("till.told", { sum: euro(told.difference_cents ?? 0, spoken()) })}</Notice>}
    </>
  );
}
