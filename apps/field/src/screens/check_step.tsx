// "Check your answers": of a long form a step of its own before anything is sent; of a short one part of the fee.
import { formFacts } from "../domain/form_facts.ts";
import { t } from "../i18n/texts.ts";
import type { CaseView } from "../model/types.ts";
import { ActionButton } from "./components.tsx";
import { AnswersList } from "./facts/answers_list.tsx";

const FEW_ANSWERS = 6; // these are seen beside the fee, without one more tap
const LARGE_KINDS = ["group", "photo", "signature", "person", "address"];

/** Whether the answers are too many to be checked in passing. */
export function hasCheckStep(view: CaseView): boolean {
  const facts = formFacts(view.edition);
  return facts.length > FEW_ANSWERS || facts.some((fact) => LARGE_KINDS.includes(fact.kind));
}

export function CheckStep(props: {
  view: CaseView;
  onChange: (path: string) => void;
  onConfirm: () => Promise<unknown>;
}) {
  return (
    <section>
      <h2>{t("check.title")}</h2>
      <p>{t("check.intro")}</p>
      <AnswersList view={props.view} onChange={props.onChange} />
      <ActionButton kind="main" testid="check-done" label={t("check.do")} action={props.onConfirm} />
    </section>
  );
}

/** The answers beside the fee or the document: open if nobody has checked them before. */
export function AnswersReview(props: { view: CaseView; onChange: (path: string) => void }) {
  return (
    <details class="review" open={!hasCheckStep(props.view)}>
      <summary>{t("check.title")}</summary>
      <AnswersList view={props.view} onChange={props.onChange} />
      {props.view.identified && !props.view.paid && (
        <dl class="answers">
          <div>
            <dt>{t("identify.how")}</dt>
            <dd>{t(`level.${props.view.identified}`)}</dd>
            <dd class="change">
              <button type="button" class="link" onClick={() => props.onChange("identify")}>
                {t("check.change")}
                <span class="unseen"> {t("identify.how")}</span>
              </button>
            </dd>
          </div>
        </dl>
      )}
    </details>
  );
}
