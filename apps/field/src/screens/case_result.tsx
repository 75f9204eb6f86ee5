// The result of a case: receipt and document with a verifiable QR code, to be printed or shown.

import { type Bundle, canStamp } from "../domain/bundle.ts";
import { handOverCase, issueDocument, mayIssue } from "../domain/case_actions.ts";
import { localized, t } from "../i18n/texts.ts";
import type { CaseView } from "../model/types.ts";
import { isClockLost } from "../platform/clock.ts";
import { request, requestJson } from "../platform/http.ts";
import type { Session } from "../session/session.ts";
import { AnswersReview } from "./check_step.tsx";
import { ActionButton, downloadFile, Notice, type Tone } from "./components.tsx";
import { DocumentSheet, printSheet, ReceiptSheet, type SheetProps } from "./printed_sheets.tsx";

const REFUSED_STATES = ["needs_visit", "compensated", "withdrawn"];
const TONES: Record<string, Tone> = {
  final: "good",
  provisional: "doubt",
  compensated: "bad",
  withdrawn: "bad",
  needs_visit: "bad",
};

/** `isRefused`: the office has not taken a step of the case. */
export function ResultStep(props: {
  view: CaseView;
  bundle: Bundle;
  session: Session;
  isRefused: boolean;
  onChange: (path: string) => void;
  onDone: (view: CaseView) => void;
}) {
  const { view } = props;
  const state = view.office?.state ?? "here";
  const hasNoPaper = props.isRefused || REFUSED_STATES.includes(state) || (state === "final" && !mayIssue(view));
  const sheet: SheetProps = {
    view,
    authority: props.session.trusted[0]?.name ?? "",
    letterhead: props.bundle.letterhead,
    place: props.bundle.stand.place,
  };
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
      {view.paid && <ReceiptSheet {...sheet} />}
      {view.paper ? (
        <DocumentSheet {...sheet} />
      ) : hasNoPaper ? null : !mayIssue(view) ? (
        <Notice tone="plain">{t("result.after_registers")}</Notice>
      ) : canStamp(props.bundle) && !isClockLost() ? (
        <ActionButton
          kind="main"
          testid="give-paper"
          label={t("result.give")}
          action={async () => props.onDone(await issueDocument(view, props.bundle, props.session))}
        />
      ) : (
        <Notice tone="doubt">{t("result.not_certified")}</Notice>
      )}
      <div class="row noprint">
        {view.paper && (
          <ActionButton testid="print-paper" label={t("result.print_paper")} action={() => printSheet("paper")} />
        )}
        {view.paid && (
          <ActionButton testid="print-receipt" label={t("result.print_receipt")} action={() => printSheet("receipt")} />
        )}
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
