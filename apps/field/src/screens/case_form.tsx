// The form of a service: made from the catalogue, checked while it is typed, kept while it is typed.
import { useRef, useState } from "preact/hooks";
import { now } from "../device/clock.ts";
import { amend, CONSENT, correct, openCase } from "../stand/desk.ts";
import { dayOf } from "../stand/fees.ts";
import { type Wrong, wrongIn } from "../stand/form.ts";
import type { CaseView, Fact, FactValue, Form } from "../stand/types.ts";
import { dropDraft, keepCase } from "../store/outbox.ts";
import { said, t } from "../words/texts.ts";
import { Choice, Do, Text } from "./parts.tsx";

export type FormMode = "open" | "correct" | "amend";

const SAVE = { open: openCase, correct, amend };
const LABELS = { open: "next", correct: "case.send_again", amend: "case.save" };

export function CaseForm(props: { view: CaseView; mode: FormMode; onDone: (view: CaseView) => void }) {
  const [form, setForm] = useState<Form>(props.view.form);
  const [wrong, setWrong] = useState<Wrong>({});
  const [yearAlone, setYearAlone] = useState(Boolean(props.view.form.applicant.birth_year));
  const saving = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const { view } = props;
  const { edition } = view;

  const change = (part: Partial<Form>) => {
    const next = { ...form, ...part };
    setForm(next);
    clearTimeout(saving.current);
    if (view.case_seq === 0) saving.current = setTimeout(() => void keepCase({ ...view, form: next }), 300);
  };
  const applicant = (part: Form["applicant"]) => change({ applicant: { ...form.applicant, ...part } });
  const contact = (part: Form["contact"]) => change({ contact: { ...form.contact, ...part } });
  const bornIn = (year: string) => {
    const { birth_date: _, ...rest } = form.applicant;
    change({ applicant: { ...rest, birth_year: Number(year) || 0 } });
  };
  const why = (field: string) => (wrong[field] ? t(wrong[field]) : undefined);
  const line = (
    field: string,
    value: string | undefined,
    onInput: (value: string) => void,
    more: Partial<Parameters<typeof Text>[0]> = {},
  ) => (
    <Text
      id={field}
      label={t(`form.${field}`)}
      value={value ?? ""}
      onInput={onInput}
      wrong={why(field) ?? (field === "birth_year" ? why("birth_date") : undefined)}
      {...more}
    />
  );

  const done = async () => {
    clearTimeout(saving.current);
    const found = wrongIn(form, edition, dayOf(now()));
    setWrong(found);
    const first = Object.keys(found)[0];
    if (first) {
      setTimeout(() => document.getElementById(first.replace("facts.", "fact-"))?.focus());
      return;
    }
    props.onDone(await SAVE[props.mode](view, form));
  };

  const drop = async () => {
    clearTimeout(saving.current); // what is being typed must not come back
    await dropDraft(view);
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
      {line("given_name", form.applicant.given_name, (given_name) => applicant({ given_name }), {
        help: t("form.name_help"),
      })}
      {line("family_name", form.applicant.family_name, (family_name) => applicant({ family_name }))}
      {yearAlone
        ? line("birth_year", String(form.applicant.birth_year ?? ""), bornIn, { inputMode: "numeric", maxLength: 4 })
        : line("birth_date", form.applicant.birth_date, (birth_date) => applicant({ birth_date }), { type: "date" })}
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
          wrong={why(`facts.${fact.code}`)}
          onAnswer={(value) => change({ facts: { ...form.facts, [fact.code]: value } })}
        />
      ))}

      <h2>{t("form.contact")}</h2>
      <p class="help">{t("form.contact_help")}</p>
      {line("phone", form.contact.phone, (phone) => contact({ phone }), { type: "tel", inputMode: "tel" })}
      {line("email", form.contact.email, (email) => contact({ email }), { type: "email", inputMode: "email" })}
      {(form.contact.phone || form.contact.email) && (
        <div class="field">
          <label class="option">
            <input
              id="consent"
              type="checkbox"
              checked={Boolean(form.contact.consent)}
              onChange={(event) => contact({ consent: event.currentTarget.checked ? CONSENT : "" })}
            />
            <span>{t("consent")}</span>
          </label>
          {wrong["consent"] && <p class="wrong">{t(wrong["consent"])}</p>}
        </div>
      )}
      <button class="unseen" type="submit" tabIndex={-1} aria-hidden="true">
        {t("next")}
      </button>
      <Do kind="main" testid="form-done" label={t(LABELS[props.mode])} does={done} />
      {Object.keys(wrong).length > 0 && (
        <p class="wrong" role="alert">
          {t("form.wrong", { n: Object.keys(wrong).length })}
        </p>
      )}
      {view.case_seq === 0 && <Do label={t("form.drop")} does={drop} />}
    </form>
  );
}

function Question(props: {
  fact: Fact;
  value: FactValue | undefined;
  wrong: string | undefined;
  onAnswer: (value: FactValue) => void;
}) {
  const { fact, value, wrong } = props;
  const id = `fact-${fact.code}`;
  const help = fact.help ? said(fact.help) : undefined;
  switch (fact.kind) {
    case "choice":
      return (
        <Choice
          id={id}
          legend={said(fact.titles)}
          help={help}
          wrong={wrong}
          value={value as string | undefined}
          onChoose={props.onAnswer}
          options={Object.entries(fact.choices).map(([code, titles]) => ({ value: code, label: said(titles) }))}
        />
      );
    case "yes_no":
      return (
        <Choice
          id={id}
          legend={said(fact.titles)}
          help={help}
          wrong={wrong}
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
        <Text
          id={id}
          label={said(fact.titles)}
          help={help}
          wrong={wrong}
          inputMode="numeric"
          maxLength={9}
          value={value === undefined ? "" : String(value)}
          onInput={(typed) => props.onAnswer(/^\d+$/.test(typed) ? Number(typed) : "")}
        />
      );
    case "date":
      return (
        <Text
          id={id}
          label={said(fact.titles)}
          help={help}
          wrong={wrong}
          type="date"
          value={String(value ?? "")}
          onInput={props.onAnswer}
        />
      );
  }
}
