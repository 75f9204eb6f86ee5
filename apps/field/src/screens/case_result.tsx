// The end at the desk: receipt and paper, with a code that anybody can check, to be printed or shown.

import { useMemo } from "preact/hooks";
import { encodeQR } from "qr";
import { clockIsLost } from "../device/clock.ts";
import type { Session } from "../device/session.ts";
import { type Bundle, mayStamp } from "../stand/bundle.ts";
import { givePaper, handOver } from "../stand/desk.ts";
import { euro } from "../stand/fees.ts";
import type { CaseView } from "../stand/types.ts";
import { ask, askJson } from "../sync/http.ts";
import { moment, said, t, tIn } from "../words/texts.ts";
import { Do, Facts, type Mood, Notice, saveFile } from "./parts.tsx";

const MOODS: Record<string, Mood> = {
  final: "good",
  provisional: "doubt",
  compensated: "bad",
  withdrawn: "bad",
  needs_visit: "bad",
};

export function Result(props: { view: CaseView; bundle: Bundle; session: Session; onDone: (view: CaseView) => void }) {
  const { view } = props;
  const state = view.office?.state ?? "here";
  const authority = props.session.trusted[0]?.name ?? "";
  return (
    <section>
      <h2>{t("result.title")}</h2>
      <Notice mood={MOODS[state] ?? "plain"}>
        {t(`result.${state}`, { number: view.paper?.number ?? view.number })}
      </Notice>
      {view.edition.obligations.map((one) => (
        <p key={one.code}>{said(one.reminder)}</p>
      ))}
      {view.paid && <Receipt view={view} by={`${authority}, ${props.bundle.stand.place}`} />}
      {view.paper ? (
        <GivenPaper view={view} authority={authority} />
      ) : mayStamp(props.bundle) && !clockIsLost() ? (
        <Do
          kind="main"
          testid="give-paper"
          label={t("result.give")}
          does={async () => props.onDone(await givePaper(view, props.bundle))}
        />
      ) : (
        <Notice mood="doubt">{t("result.not_certified")}</Notice>
      )}
      <div class="row noprint">
        {(view.paper || view.paid) && <Do label={t("result.print")} does={() => print()} />}
        {state === "final" && (
          <Do
            testid="office-paper"
            label={t("result.office_paper")}
            does={() => saveOfficePaper(props.session, view.case_id)}
          />
        )}
        <Do
          kind={view.paper ? "main" : "plain"}
          testid="hand-over"
          label={t("result.hand_over")}
          does={async () => (await handOver(view), (location.hash = "#/queue"))}
        />
      </div>
    </section>
  );
}

/** The signed file, as the office made it; a network is needed. */
async function saveOfficePaper(session: Session, caseId: string): Promise<void> {
  const { token } = session;
  const told = await askJson<{ document_id: string | null; document_number: string }>(`/cases/${caseId}`, { token });
  if (!told.document_id) throw new Error("result.not_made");
  const answer = await ask(`/documents/${told.document_id}.pdf`, { token });
  saveFile(new Blob([answer.bytes], { type: "application/pdf" }), `${told.document_number}.pdf`);
}

function Receipt(props: { view: CaseView; by: string }) {
  const paid = props.view.paid!;
  const { language } = props.view;
  return (
    <section class="sheet">
      <h3>{t("receipt.title", { number: paid.receipt })}</h3>
      <table>
        <caption class="unseen">{t("receipt.title", { number: paid.receipt })}</caption>
        <tbody>
          {paid.lines.map((line) => (
            <tr key={line.titles.de}>
              <th scope="row">{line.titles[language]}</th>
              <td>{euro(line.cents, language)}</td>
            </tr>
          ))}
          <tr class="total">
            <th scope="row">{t(`payment.${paid.payment}`)}</th>
            <td>{euro(paid.cents, language)}</td>
          </tr>
        </tbody>
      </table>
      <p>
        {moment(paid.at)} · {props.by}
      </p>
    </section>
  );
}

function GivenPaper(props: { view: CaseView; authority: string }) {
  const paper = props.view.paper!;
  const { printed } = paper;
  const svg = useMemo(() => {
    const drawn = encodeQR(paper.stamp, "svg", { ecc: "medium", border: 4 });
    return `data:image/svg+xml,${encodeURIComponent(drawn)}`;
  }, [paper.stamp]);
  const label = (key: string) => tIn(props.view.language, key);
  const rows: [string, string][] = [
    [label("form.family_name"), printed["family_name"] ?? ""],
    [label("form.given_name"), printed["given_name"] ?? ""],
    [label("form.born"), printed["birth_date"] ?? ""],
    [label("paper.place"), printed["place"] ?? ""],
    [label("paper.issued_on"), printed["issued_on"] ?? ""],
  ];
  if (printed["valid_until"]) rows.push([label("paper.valid_until"), printed["valid_until"]]);
  return (
    <article class="sheet paper" lang={props.view.language}>
      <h3>{printed["title"]}</h3>
      <p>
        {props.authority} · {paper.number}
      </p>
      <Facts rows={rows} />
      <img class="code" src={svg} alt={t("paper.code")} data-testid="code" data-stamp={paper.stamp} />
      <p>{label("paper.note")}</p>
    </article>
  );
}
