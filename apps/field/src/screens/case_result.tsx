// The result of a case: receipt and document with a verifiable QR code, to be printed or shown.

import { useMemo } from "preact/hooks";
import { encodeQR } from "qr";
import { type Bundle, canStamp } from "../domain/bundle.ts";
import { handOverCase, issueDocument, mayIssue } from "../domain/case_actions.ts";
import { formatEuro } from "../domain/fees.ts";
import { formatDateTime, localized, t, tIn } from "../i18n/texts.ts";
import type { CaseView } from "../model/types.ts";
import { isClockLost } from "../platform/clock.ts";
import { request, requestJson } from "../platform/http.ts";
import type { Session } from "../session/session.ts";
import { AnswersReview } from "./check_step.tsx";
import { ActionButton, DescriptionList, downloadFile, Notice, type Tone } from "./components.tsx";

const TONES: Record<string, Tone> = {
  final: "good",
  provisional: "doubt",
  compensated: "bad",
  withdrawn: "bad",
  needs_visit: "bad",
};

export function ResultStep(props: {
  view: CaseView;
  bundle: Bundle;
  session: Session;
  onChange: (path: string) => void;
  onDone: (view: CaseView) => void;
}) {
  const { view } = props;
  const state = view.office?.state ?? "here";
  const authority = props.session.trusted[0]?.name ?? "";
  return (
    <section>
      <h2>{t("result.title")}</h2>
      <Notice tone={TONES[state] ?? "plain"}>
        {t(`result.${state}`, { number: view.paper?.number ?? view.number })}
      </Notice>
      {view.edition.obligations.map((obligation) => (
        <p key={obligation.code}>{localized(obligation.reminder)}</p>
      ))}
      {!view.paper && <AnswersReview view={view} onChange={props.onChange} />}
      {view.paid && <ReceiptSheet view={view} by={`${authority}, ${props.bundle.stand.place}`} />}
      {view.paper ? (
        <DocumentSheet view={view} authority={authority} />
      ) : !mayIssue(view) ? (
        <Notice tone="plain">{t("result.after_registers")}</Notice>
      ) : canStamp(props.bundle) && !isClockLost() ? (
        <ActionButton
          kind="main"
          testid="give-paper"
          label={t("result.give")}
          action={async () => props.onDone(await issueDocument(view, props.bundle))}
        />
      ) : (
        <Notice tone="doubt">{t("result.not_certified")}</Notice>
      )}
      <div class="row noprint">
        {(view.paper || view.paid) && <ActionButton label={t("result.print")} action={() => print()} />}
        {state === "final" && (
          <ActionButton
            testid="office-paper"
            label={t("result.office_paper")}
            action={() => downloadOfficeDocument(props.session, view.case_id)}
          />
        )}
        <ActionButton
          kind={view.paper ? "main" : "plain"}
          testid="hand-over"
          label={t("result.hand_over")}
          action={async () => (await handOverCase(view), (location.hash = "#/queue"))}
        />
      </div>
    </section>
  );
}

/** Downloads the signed PDF from the office; needs a network. */
async function downloadOfficeDocument(session: Session, caseId: string): Promise<void> {
  const { token } = session;
  const caseDetails = await requestJson<{ document_id: string | null; document_number: string }>(`/cases/${caseId}`, {
    token,
  });
  if (!caseDetails.document_id) throw new Error("result.not_made");
  const answer = await request(`/documents/${caseDetails.document_id}.pdf`, { token });
  downloadFile(new Blob([answer.bytes], { type: "application/pdf" }), `${caseDetails.document_number}.pdf`);
}

function ReceiptSheet(props: { view: CaseView; by: string }) {
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
              <td>{formatEuro(line.cents, language)}</td>
            </tr>
          ))}
          <tr class="total">
            <th scope="row">{t(`payment.${paid.payment}`)}</th>
            <td>{formatEuro(paid.cents, language)}</td>
          </tr>
        </tbody>
      </table>
      <p>
        {formatDateTime(paid.at)} · {props.by}
      </p>
    </section>
  );
}

function DocumentSheet(props: { view: CaseView; authority: string }) {
  const document = props.view.paper!;
  const { printed } = document;
  const svg = useMemo(() => {
    const svgText = encodeQR(document.stamp, "svg", { ecc: "medium", border: 4 });
    return `data:image/svg+xml,${encodeURIComponent(svgText)}`;
  }, [document.stamp]);
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
        {props.authority} · {document.number}
      </p>
      <DescriptionList rows={rows} />
      <img class="code" src={svg} alt={t("paper.code")} data-testid="code" data-stamp={document.stamp} />
      <p>{label("paper.note")}</p>
    </article>
  );
}
