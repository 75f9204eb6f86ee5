// One citizen's case: the form, then what its service asks for, step by step, then the paper.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { Session } from "../device/session.ts";
import type { Bundle } from "../stand/bundle.ts";
import { identify, levelsFor, owed, stageOf, takeFee, withdraw } from "../stand/desk.ts";
import { dayOf, euro, factsOf, Missing, price } from "../stand/fees.ts";
import type { CaseView, Level, Paid } from "../stand/types.ts";
import { caseView, entriesOfCase } from "../store/outbox.ts";
import { reason, said, spoken, t } from "../words/texts.ts";
import { CaseForm, type FormMode } from "./case_form.tsx";
import { PaperStep } from "./case_papers.tsx";
import { Result } from "./case_result.tsx";
import { Choice, Do, Notice, Page, useLive } from "./parts.tsx";

const STEPS = ["form", "identify", "papers", "fee", "paper"] as const;

export function Case(props: { session: Session; bundle: Bundle; caseId: string }) {
  const [view, setView] = useState<CaseView | null>();
  const office = useLive(async () => (await caseView(props.caseId))?.office ?? null, props.caseId);
  const refused = useLive(
    async () => (await entriesOfCase(props.caseId)).find((row) => row.state === "refused"),
    props.caseId,
  );
  const [mode, setMode] = useState<FormMode>("open");
  useEffect(() => {
    void caseView(props.caseId).then((found) => setView(found));
  }, [props.caseId]);
  const stage = view ? (mode === "open" ? stageOf(view) : "form") : "";
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
  const go = (next: CaseView) => {
    setMode("open");
    setView(next);
  };
  return (
    <Page title={`${view.called} · ${said(view.edition.titles)}`} back="#/queue">
      <ol class="steps" aria-label={t("case.steps")} data-stage={stage}>
        {STEPS.filter((one) => needs(view, one)).map((one) => (
          <li key={one} aria-current={one === stage ? "step" : undefined}>
            {t(`stage.${one}`)}
          </li>
        ))}
      </ol>
      {refused && mode === "open" && (
        <Notice mood="bad">
          {t("case.refused", { why: reason(refused.code, refused.hint) })}{" "}
          <button type="button" onClick={() => setMode("correct")}>
            {t("case.correct")}
          </button>
        </Notice>
      )}
      {stage === "form" && <CaseForm key={mode} view={view} mode={mode} onDone={go} />}
      {stage === "identify" && <Identify view={view} onDone={go} />}
      {stage === "papers" && <PaperStep view={view} onDone={go} />}
      {stage === "fee" && <FeeStep view={view} onDone={go} />}
      {stage === "paper" && (
        <Result
          view={{ ...view, office: office ?? view.office }}
          bundle={props.bundle}
          session={props.session}
          onDone={go}
        />
      )}
      {view.case_seq > 0 && !view.handed_over && (
        <details>
          <summary>{t("case.more")}</summary>
          <Do label={t("case.amend")} does={() => setMode("amend")} />
          <p>{t("case.withdraw_what")}</p>
          <Do
            kind="danger"
            label={t("case.withdraw")}
            does={async () => (await withdraw(view), (location.hash = "#/queue"))}
          />
        </details>
      )}
    </Page>
  );
}

function needs(view: CaseView, step: (typeof STEPS)[number]): boolean {
  if (step === "form" || step === "paper") return true;
  if (step === "identify") return view.edition.identification !== "none";
  return view.edition.steps.includes(step);
}

function Identify(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const [level, setLevel] = useState<Level>();
  const { family_name, given_name } = props.view.form.applicant;
  return (
    <section>
      <h2>{t("identify.title")}</h2>
      <p>{t("identify.compare", { name: `${given_name ?? ""} ${family_name ?? ""}` })}</p>
      <Choice
        id="level"
        legend={t("identify.how")}
        help={t("identify.help")}
        value={level}
        onChoose={setLevel}
        options={levelsFor(props.view.edition.identification).map((one) => ({ value: one, label: t(`level.${one}`) }))}
      />
      <Do
        kind="main"
        testid="identify"
        label={t("identify.do")}
        disabled={!level}
        does={async () => props.onDone(await identify(props.view, level!))}
      />
    </section>
  );
}

function FeeStep(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const [payment, setPayment] = useState<Paid["payment"]>();
  const { view } = props;
  const bill = price(view.edition, factsOf(view.form, dayOf(view.opened_at)));
  if (bill instanceof Missing) return <Notice mood="bad">{t("fee.missing", { fact: bill.fact })}</Notice>;
  return (
    <section>
      <h2>{t("fee.title")}</h2>
      <table>
        <caption class="unseen">{t("fee.title")}</caption>
        <tbody>
          {bill.lines.map((line) => (
            <tr key={line.code}>
              <th scope="row">
                {said(line.titles)} <small>{line.law}</small>
              </th>
              <td>{euro(line.amount_cents, spoken())}</td>
            </tr>
          ))}
          <tr class="total">
            <th scope="row">{t("fee.total")}</th>
            <td data-testid="total">{euro(owed(view), spoken())}</td>
          </tr>
        </tbody>
      </table>
      <Choice
        id="payment"
        legend={t("fee.how")}
        value={payment}
        onChoose={setPayment}
        options={(["cash", "card", "waived"] as const).map((one) => ({ value: one, label: t(`payment.${one}`) }))}
      />
      <Do
        kind="main"
        testid="pay"
        label={t("fee.do")}
        disabled={!payment}
        does={async () => props.onDone(await takeFee(view, payment!))}
      />
    </section>
  );
}
