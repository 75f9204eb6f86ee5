// A case: the form, the steps that its service requires, then the document.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import { type Bundle, canStamp } from "../domain/bundle.ts";
import {
  acceptedLevels,
  amendCase,
  amountDue,
  billOf,
  correctCase,
  currentStage,
  issueDocument,
  mayIssue,
  openCase,
  recordIdentification,
  recordPayment,
  withdrawCase,
} from "../domain/case_actions.ts";
import { MissingFact } from "../domain/conditions.ts";
import { formatEuro } from "../domain/fees.ts";
import { currentLanguage, localized, reasonText, t } from "../i18n/texts.ts";
import type { CaseView, Form, PaidFee } from "../model/types.ts";
import { isClockLost } from "../platform/clock.ts";
import type { Session } from "../session/session.ts";
import { entriesOfCase, loadCase, saveCaseView, UNSENT_STATES } from "../store/outbox.ts";
import { DocumentsStep } from "./case_documents.tsx";
import { CaseForm, type FormMode } from "./case_form.tsx";
import { ResultStep } from "./case_result.tsx";
import { AnswersReview, CheckStep, hasCheckStep } from "./check_step.tsx";
import { ActionButton, ChoiceField, Notice, Page, useLive } from "./components.tsx";
import { RegisterReview } from "./register_review.tsx";

const STEPS = ["form", "check", "identify", "papers", "fee", "paper"] as const;
const SAVE_ACTIONS = { open: openCase, correct: correctCase, amend: amendCase };

/** What the clerk does besides the next step: checks the draft, or goes back to a step. */
type Detour = "none" | "check" | "identify";

export function CaseScreen(props: { session: Session; bundle: Bundle; caseId: string }) {
  const [view, setView] = useState<CaseView | null>();
  const office = useLive(async () => (await loadCase(props.caseId))?.office ?? null, props.caseId);
  const refused = useLive(
    async () => (await entriesOfCase(props.caseId)).find((row) => row.state === "refused"),
    props.caseId,
  );
  const isWaiting = useLive(
    async () => (await entriesOfCase(props.caseId)).some((row) => UNSENT_STATES.includes(row.state)),
    props.caseId,
  );
  const [mode, setMode] = useState<FormMode>("open");
  const [detour, setDetour] = useState<Detour>("none");
  const [focusOn, setFocusOn] = useState("");
  useEffect(() => {
    void loadCase(props.caseId).then((loaded) => setView(loaded));
  }, [props.caseId]);
  const stage = view ? stageOf(view, mode, detour) : "";
  useLayoutEffect(() => {
    if (stage === "form" && focusOn) return; // the field to change gets the focus
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
  const current = { ...view, office: office ?? view.office }; // as the office answered meanwhile
  const explanation = !refused && !isWaiting ? current.office?.explanation : undefined;
  const isDenied = current.office?.state === "needs_visit" && explanation !== undefined;
  const showNext = (next: CaseView) => {
    setMode("open");
    setDetour("none");
    setFocusOn("");
    setView(next);
  };
  const submit = async (form: Form) => {
    if (mode !== "open" || !hasCheckStep(view)) return showNext(await SAVE_ACTIONS[mode](current, form));
    const draft = { ...view, form };
    await saveCaseView(draft);
    showNext(draft);
    setDetour("check");
  };
  const change = (path: string) => {
    setDetour(path === "identify" ? "identify" : "none");
    if (path === "identify") return;
    setFocusOn(path);
    if (view.case_seq > 0) setMode("amend");
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
      {mode === "open" && explanation && (
        <Notice tone="bad">
          {localized(explanation)}{" "}
          {isDenied && (
            <button type="button" onClick={() => setMode("amend")}>
              {t("case.correct")}
            </button>
          )}
        </Notice>
      )}
      {mode === "open" && <RegisterReview view={current} onConfirmed={setView} onCorrect={() => setMode("amend")} />}
      {stage === "form" && (
        <CaseForm key={mode} view={current} mode={mode} bundle={props.bundle} focusOn={focusOn} onSubmit={submit} />
      )}
      {stage === "check" && (
        <CheckStep view={view} onChange={change} onConfirm={async () => showNext(await openCase(view, view.form))} />
      )}
      {stage === "identify" && <IdentifyStep view={current} onDone={showNext} />}
      {stage === "papers" && <DocumentsStep view={current} onDone={showNext} />}
      {stage === "fee" && !isDenied && !refused && (
        <FeeStep view={current} bundle={props.bundle} session={props.session} onChange={change} onDone={showNext} />
      )}
      {stage === "paper" && (
        <ResultStep
          view={current}
          bundle={props.bundle}
          session={props.session}
          isRefused={refused !== undefined}
          onChange={change}
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
            action={async () => (await withdrawCase(current), (location.hash = "#/queue"))}
          />
        </details>
      )}
    </Page>
  );
}

function stageOf(view: CaseView, mode: FormMode, detour: Detour): (typeof STEPS)[number] {
  if (mode !== "open") return "form";
  return detour === "none" ? currentStage(view) : detour;
}

function hasStep(view: CaseView, step: (typeof STEPS)[number]): boolean {
  if (step === "form" || step === "paper") return true;
  if (step === "check") return hasCheckStep(view);
  if (step === "identify") return view.edition.identification !== "none";
  return view.edition.steps.includes(step);
}

/** One tap: the level is what the clerk decides, and it can be changed until the fee is paid. */
function IdentifyStep(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const { family_name, given_name } = props.view.form.applicant;
  return (
    <section>
      <h2>{t("identify.title")}</h2>
      <p>{t("identify.compare", { name: `${given_name ?? ""} ${family_name ?? ""}` })}</p>
      <h3>{t("identify.how")}</h3>
      <p class="help">{t("identify.help")}</p>
      <div class="stack">
        {acceptedLevels(props.view.edition.identification).map((level) => (
          <ActionButton
            key={level}
            testid={`identify-${level}`}
            label={t(`level.${level}`)}
            action={async () => props.onDone(await recordIdentification(props.view, level))}
          />
        ))}
      </div>
    </section>
  );
}

/** The document follows in the same tap if this device may issue it. */
function FeeStep(props: {
  view: CaseView;
  bundle: Bundle;
  session: Session;
  onChange: (path: string) => void;
  onDone: (view: CaseView) => void;
}) {
  const [payment, setPayment] = useState<PaidFee["payment"]>();
  const { view, bundle, session } = props;
  const bill = billOf(view);
  if (bill instanceof MissingFact) return <Notice tone="bad">{t("fee.missing", { fact: bill.fact })}</Notice>;
  const issues = mayIssue(view) && canStamp(bundle) && !isClockLost();
  const pay = async () => {
    const paid = await recordPayment(view, payment!);
    // if it fails, the next step offers the document and says why
    props.onDone(issues ? await issueDocument(paid, bundle, session).catch(() => paid) : paid);
  };
  return (
    <section>
      <h2>{t("fee.title")}</h2>
      <AnswersReview view={view} onChange={props.onChange} />
      <table>
        <caption class="unseen">{t("fee.title")}</caption>
        <tbody>
          {bill.lines.map((line) => (
            <tr key={line.fee.code}>
              <th scope="row">
                {localized(line.fee.titles)} <small>{line.fee.law}</small>
              </th>
              <td>{formatEuro(line.cents, currentLanguage())}</td>
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
        label={t(issues ? "fee.do_and_issue" : "fee.do")}
        disabled={!payment}
        action={pay}
      />
    </section>
  );
}
