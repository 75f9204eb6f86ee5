// The form of a service, built from the catalogue. Drafts are saved while the clerk types.
import { useRef, useState } from "preact/hooks";
import { amendCase, CONSENT_VERSION, correctCase, openCase } from "../domain/case_actions.ts";
import { dayOf } from "../domain/fees.ts";
import { type FormErrors, validateForm } from "../domain/form.ts";
import { localized, t } from "../i18n/texts.ts";
import type { CaseView, CatalogueFact, FactValue, Form } from "../model/types.ts";
import { now } from "../platform/clock.ts";
import { deleteDraft, saveCaseView } from "../store/outbox.ts";
import { ActionButton, ChoiceField, TextField } from "./components.tsx";

export type FormMode = "open" | "correct" | "amend";

const SAVE_ACTIONS = { open: openCase, correct: correctCase, amend: amendCase };
const LABELS = { open: "next", correct: "case.send_again", amend: "case.save" };

export function CaseForm(props: { view: CaseView; mode: FormMode; onDone: (view: CaseView) => void }) {
  const [form, setForm] = useState<Form>(props.view.form);
  const [errors, setErrors] = useState<FormErrors>({});
  const [yearAlone, setYearAlone] = useState(Boolean(props.view.form.applicant.birth_year));
  const saveTimer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const { view } = props;
  const { edition } = view;

  const change = (part: Partial<Form>) => {
    const next = { ...form, ...part };
    setForm(next);
    clearTimeout(saveTimer.current);
    if (view.case_seq === 0) saveTimer.current = setTimeout(() => void saveCaseView({ ...view, form: next }), 300);
  };
  const changeApplicant = (part: Form["applicant"]) => change({ applicant: { ...form.applicant, ...part } });
  const changeContact = (part: Form["contact"]) => change({ contact: { ...form.contact, ...part } });
  const setBirthYear = (year: string) => {
    const { birth_date: _, ...rest } = form.applicant;
    change({ applicant: { ...rest, birth_year: Number(year) || 0 } });
  };
  const errorOf = (field: string) => (errors[field] ? t(errors[field]) : undefined);
  const textField = (
    field: string,
    value: string | undefined,
    onInput: (value: string) => void,
    extra: Partial<Parameters<typeof TextField>[0]> = {},
  ) => (
    <TextField
      id={field}
      label={t(`form.${field}`)}
      value={value ?? ""}
      onInput={onInput}
      error={errorOf(field) ?? (field === "birth_year" ? errorOf("birth_date") : undefined)}
      {...extra}
    />
  );

  const submit = async () => {
    clearTimeout(saveTimer.current);
    const formErrors = validateForm(form, edition, dayOf(now()));
    setErrors(formErrors);
    const firstField = Object.keys(formErrors)[0];
    if (firstField) {
      setTimeout(() => document.getElementById(firstField.replace("facts.", "fact-"))?.focus());
      return;
    }
    props.onDone(await SAVE_ACTIONS[props.mode](view, form));
  };

  const discard = async () => {
    clearTimeout(saveTimer.current); // a pending save would restore the draft
    await deleteDraft(view);
    location.hash = "#/queue";
  };

  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        document.querySelector<HTMLButtonElement>("[data-testid=form-done]")?.click();
      }}
    >
      <h2>{t("form.person")}</h2>
      {textField("given_name", form.applicant.given_name, (given_name) => changeApplicant({ given_name }), {
        help: t("form.name_help"),
      })}
      {textField("family_name", form.applicant.family_name, (family_name) => changeApplicant({ family_name }))}
      {yearAlone
        ? textField("birth_year", String(form.applicant.birth_year ?? ""), setBirthYear, {
            inputMode: "numeric",
            maxLength: 4,
          })
        : textField("birth_date", form.applicant.birth_date, (birth_date) => changeApplicant({ birth_date }), {
            type: "date",
          })}
      <label class="option">
        <input type="checkbox" checked={yearAlone} onChange={(event) => setYearAlone(event.currentTarget.checked)} />
        <span>{t("form.year_alone")}</span>
      </label>

      {edition.facts.length > 0 && <h2>{t("form.questions")}</h2>}
      {edition.facts.map((fact) => (
        <Question
          key={fact.code}
          fact={fact}
          value={form.facts[fact.code]}
          error={errorOf(`facts.${fact.code}`)}
          onAnswer={(value) => change({ facts: { ...form.facts, [fact.code]: value } })}
        />
      ))}

      <h2>{t("form.contact")}</h2>
      <p class="help">{t("form.contact_help")}</p>
      {textField("phone", form.contact.phone, (phone) => changeContact({ phone }), { type: "tel", inputMode: "tel" })}
      {textField("email", form.contact.email, (email) => changeContact({ email }), {
        type: "email",
        inputMode: "email",
      })}
      {(form.contact.phone || form.contact.email) && (
        <div class="field">
          <label class="option">
            <input
              id="consent"
              type="checkbox"
              checked={Boolean(form.contact.consent)}
              onChange={(event) => changeContact({ consent: event.currentTarget.checked ? CONSENT_VERSION : "" })}
            />
            <span>{t("consent")}</span>
          </label>
          {errors["consent"] && <p class="wrong">{t(errors["consent"])}</p>}
        </div>
      )}
      <button class="unseen" type="submit" tabIndex={-1} aria-hidden="true">
        {t("next")}
      </button>
      <ActionButton kind="main" testid="form-done" label={t(LABELS[props.mode])} action={submit} />
      {Object.keys(errors).length > 0 && (
        <p class="wrong" role="alert">
          {t("form.wrong", { n: Object.keys(errors).length })}
        </p>
      )}
      {view.case_seq === 0 && <ActionButton label={t("form.drop")} action={discard} />}
    </form>
  );
}

function Question(props: {
  fact: CatalogueFact;
  value: FactValue | undefined;
  error: string | undefined;
  onAnswer: (value: FactValue) => void;
}) {
  const { fact, value, error } = props;
  const id = `fact-${fact.code}`;
  const help = fact.help ? localized(fact.help) : undefined;
  switch (fact.kind) {
    case "choice":
      return (
        <ChoiceField
          id={id}
          legend={localized(fact.titles)}
          help={help}
          error={error}
          value={value as string | undefined}
          onChoose={props.onAnswer}
          options={Object.entries(fact.choices).map(([code, titles]) => ({ value: code, label: localized(titles) }))}
        />
      );
    case "yes_no":
      return (
        <ChoiceField
          id={id}
          legend={localized(fact.titles)}
          help={help}
          error={error}
          value={value === undefined ? undefined : value ? "yes" : "no"}
          onChoose={(answer) => props.onAnswer(answer === "yes")}
          options={[
            { value: "yes", label: t("yes") },
            { value: "no", label: t("no") },
          ]}
        />
      );
    case "number":
      return (
        <TextField
          id={id}
          label={localized(fact.titles)}
          help={help}
          error={error}
          inputMode="numeric"
          maxLength={9}
          value={value === undefined ? "" : String(value)}
          onInput={(typed) => props.onAnswer(/^\d+$/.test(typed) ? Number(typed) : "")}
        />
      );
    case "date":
      return (
        <TextField
          id={id}
          label={localized(fact.titles)}
          help={help}
          error={error}
          type="date"
          value={String(value ?? "")}
          onInput={props.onAnswer}
        />
      );
  }
}
