// A case: the form, the steps that its service requires, then the document.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { Bundle } from "../domain/bundle.ts";
import {
  acceptedLevels,
  amountDue,
  currentStage,
  recordIdentification,
  recordPayment,
  withdrawCase,
} from "../domain/case_actions.ts";
import { dayOf, factsOf, formatEuro, MissingFact, priceCase } from "../domain/fees.ts";
import { currentLanguage, localized, reasonText, t } from "../i18n/texts.ts";
import type { CaseView, IdentificationLevel, PaidFee } from "../model/types.ts";
import type { Session } from "../session/session.ts";
import { entriesOfCase, loadCase } from "../store/outbox.ts";
import { DocumentsStep } from "./case_documents.tsx";
import { CaseForm, type FormMode } from "./case_form.tsx";
import { ResultStep } from "./case_result.tsx";
import { ActionButton, ChoiceField, Notice, Page, useLive } from "./components.tsx";

const STEPS = ["form", "identify", "papers", "fee", "paper"] as const;

export function CaseScreen(props: { session: Session; bundle: Bundle; caseId: string }) {
  const [view, setView] = useState<CaseView | null>();
  const office = useLive(async () => (await loadCase(props.caseId))?.office ?? null, props.caseId);
  const refused = useLive(
    async () => (await entriesOfCase(props.caseId)).find((row) => row.state === "refused"),
    props.caseId,
  );
  const [mode, setMode] = useState<FormMode>("open");
  useEffect(() => {
    void loadCase(props.caseId).then((loaded) => setView(loaded));
  }, [props.caseId]);
  const stage = view ? (mode === "open" ? currentStage(view) : "form") : "";
  useLayoutEffect(() => {
    const heading = document.querySelector<HTMLElement>("main section h2, main form h2");
    heading?.setAttribute("tabindex", "-1");
    heading?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [stage]);
  if (view === undefined) return null;
  if (view === null) {
    return (
      <Page title={t("case.none")} back="#/queue">
        <p>{t("case.none_then")}</p>
      </Page>
    );
  }
  const showNext = (next: CaseView) => {
    setMode("open");
    setView(next);
  };
  return (
    <Page title={`${view.called} · ${localized(view.edition.titles)}`} back="#/queue">
      <ol class="steps" aria-label={t("case.steps")} data-stage={stage}>
        {STEPS.filter((step) => hasStep(view, step)).map((step) => (
          <li key={step} aria-current={step === stage ? "step" : undefined}>
            {t(`stage.${step}`)}
          </li>
        ))}
      </ol>
      {refused && mode === "open" && (
        <Notice tone="bad">
          {t("case.refused", { why: reasonText(refused.code, refused.hint) })}{" "}
          <button type="button" onClick={() => setMode("correct")}>
            {t("case.correct")}
          </button>
        </Notice>
      )}
      {stage === "form" && <CaseForm key={mode} view={view} mode={mode} onDone={showNext} />}
      {stage === "identify" && <IdentifyStep view={view} onDone={showNext} />}
      {stage === "papers" && <DocumentsStep view={view} onDone={showNext} />}
      {stage === "fee" && <FeeStep view={view} onDone={showNext} />}
      {stage === "paper" && (
        <ResultStep
          view={{ ...view, office: office ?? view.office }}
          bundle={props.bundle}
          session={props.session}
          onDone={showNext}
        />
      )}
      {view.case_seq > 0 && !view.handed_over && (
        <details>
          <summary>{t("case.more")}</summary>
          <ActionButton label={t("case.amend")} action={() => setMode("amend")} />
          <p>{t("case.withdraw_what")}</p>
          <ActionButton
            kind="danger"
            label={t("case.withdraw")}
            action={async () => (await withdrawCase(view), (location.hash = "#/queue"))}
          />
        </details>
      )}
    </Page>
  );
}

function hasStep(view: CaseView, step: (typeof STEPS)[number]): boolean {
  if (step === "form" || step === "paper") return true;
  if (step === "identify") return view.edition.identification !== "none";
  return view.edition.steps.includes(step);
}

function IdentifyStep(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const [level, setLevel] = useState<IdentificationLevel>();
  const { family_name, given_name } = props.view.form.applicant;
  return (
    <section>
      <h2>{t("identify.title")}</h2>
      <p>{t("identify.compare", { name: `${given_name ?? ""} ${family_name ?? ""}` })}</p>
      <ChoiceField
        id="level"
        legend={t("identify.how")}
        help={t("identify.help")}
        value={level}
        onChoose={setLevel}
        options={acceptedLevels(props.view.edition.identification).map((level) => ({
          value: level,
          label: t(`level.${level}`),
        }))}
      />
      <ActionButton
        kind="main"
        testid="identify"
        label={t("identify.do")}
        disabled={!level}
        action={async () => props.onDone(await recordIdentification(props.view, level!))}
      />
    </section>
  );
}

function FeeStep(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const [payment, setPayment] = useState<PaidFee["payment"]>();
  const { view } = props;
  const bill = priceCase(view.edition, factsOf(view.form, dayOf(view.opened_at)));
  if (bill instanceof MissingFact) return <Notice tone="bad">{t("fee.missing", { fact: bill.fact })}</Notice>;
  return (
    <section>
      <h2>{t("fee.title")}</h2>
      <table>
        <caption class="unseen">{t("fee.title")}</caption>
        <tbody>
          {bill.lines.map((line) => (
            <tr key={line.code}>
              <th scope="row">
                {localized(line.titles)} <small>{line.law}</small>
              </th>
              <td>{formatEuro(line.amount_cents, currentLanguage())}</td>
            </tr>
          ))}
          <tr class="total">
            <th scope="row">{t("fee.total")}</th>
            <td data-testid="total">{formatEuro(amountDue(view), currentLanguage())}</td>
          </tr>
        </tbody>
      </table>
      <ChoiceField
        id="payment"
        legend={t("fee.how")}
        value={payment}
        onChoose={setPayment}
        options={(["cash", "card", "waived"] as const).map((payment) => ({
          value: payment,
          label: t(`payment.${payment}`),
        }))}
      />
      <ActionButton
        kind="main"
        testid="pay"
        label={t("fee.do")}
        disabled={!payment}
        action={async () => props.onDone(await recordPayment(view, payment!))}
      />
    </section>
  );
}
