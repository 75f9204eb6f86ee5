// What registers answered: the citizen reads it and says whether it is right.
import { confirmAnswers, unreviewedAnswers } from "../domain/case_actions.ts";
import { localized, t } from "../i18n/texts.ts";
import type { CaseView } from "../model/types.ts";
import { ActionButton, DescriptionList } from "./components.tsx";

export function RegisterReview(props: {
  view: CaseView;
  onConfirmed: (view: CaseView) => void;
  onCorrect: () => void;
}) {
  const answers = unreviewedAnswers(props.view);
  if (!answers.length) return null;
  return (
    <section class="card" data-testid="register-review">
      <h2>{t("register.title")}</h2>
      {answers.map((answer) => (
        <div key={answer.call}>
          <h3>{localized(answer.titles)}</h3>
          <DescriptionList rows={answer.rows.map((row) => [localized(row.titles), row.value])} />
        </div>
      ))}
      <p>{t("register.ask")}</p>
      <div class="row">
        <ActionButton
          kind="main"
          testid="register-right"
          label={t("register.right")}
          action={async () => props.onConfirmed(await confirmAnswers(props.view, answers))}
        />
        <ActionButton testid="register-wrong" label={t("register.wrong")} action={props.onCorrect} />
      </div>
    </section>
  );
}
