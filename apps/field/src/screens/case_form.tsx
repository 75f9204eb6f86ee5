// The form of a service: the applicant, the questions of the catalogue, the contact. Drafts are saved while the clerk
// types.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Bundle, streetsOf } from "../domain/bundle.ts";
import { CONSENT_VERSION } from "../domain/case_actions.ts";
import { applicationDay, checkForm } from "../domain/checked_form.ts";
import type { FormErrors } from "../domain/form.ts";
import { caseValues, formFacts } from "../domain/form_facts.ts";
import { earlierCases, proposedAnswer } from "../domain/prefill.ts";
import { localized, t } from "../i18n/texts.ts";
import type { CaseView, Form, Titles } from "../model/types.ts";
import { deleteDraft, saveCaseView } from "../store/outbox.ts";
import { ActionButton, Notice, TextField } from "./components.tsx";
import { FactsSection, type Faults } from "./facts/facts_section.tsx";
import { focusField, moveOnEnter, watchTaps } from "./form_keys.ts";

export type FormMode = "open" | "correct" | "amend";

const LABELS = { open: "next", correct: "case.send_again", amend: "case.save" };
const SAVE_AFTER_MS = 300;

/** `focusOn`: the field that the clerk wants to change. `onSubmit` gets a form without faults. */
export function CaseForm(props: {
  view: CaseView;
  mode: FormMode;
  bundle: Bundle;
  focusOn: string;
  onSubmit: (form: Form) => Promise<void>;
}) {
  const { view } = props;
  const { edition } = view;
  const [form, setForm] = useState<Form>(view.form);
  const current = useRef(form); // two changes may come before the next rendering
  const [errors, setErrors] = useState<FormErrors>({});
  const [faults, setFaults] = useState<Faults>(new Map());
  const [refusal, setRefusal] = useState<Titles | null>(null);
  const [yearAlone, setYearAlone] = useState(Boolean(view.form.applicant.birth_year));
  const [earlier, setEarlier] = useState<CaseView[]>([]);
  const saving = useRef(new Set<Promise<unknown>>());
  const isClosed = useRef(false); // a late change would restore the draft
  const saveTimer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const facts = useMemo(() => formFacts(edition), [edition]);
  const known = useMemo(() => caseValues(form.applicant, applicationDay(view)), [form.applicant, view]);
  useEffect(() => {
    if (facts.some((fact) => fact.prefill === "former_answer")) void earlierCases(view).then(setEarlier, () => {});
    if (props.focusOn) focusField([props.focusOn]);
    const endWatch = watchTaps();
    return () => {
      isClosed.current = true;
      endWatch();
    };
  }, []);

  const update = (next: Form) => {
    if (isClosed.current) return;
    current.current = next;
    setForm(next);
    clearTimeout(saveTimer.current);
    if (view.case_seq === 0)
      saveTimer.current = setTimeout(() => void saveCaseView({ ...view, form: current.current }), SAVE_AFTER_MS);
  };
  const changeApplicant = (part: Form["applicant"]) =>
    update({ ...current.current, applicant: { ...current.current.applicant, ...part } });
  const changeContact = (part: Form["contact"]) =>
    update({ ...current.current, contact: { ...current.current.contact, ...part } });
  const setBirthYear = (year: string) => {
    const { birth_date: _, ...rest } = current.current.applicant;
    update({ ...current.current, applicant: { ...rest, birth_year: Number(year) || 0 } });
  };
  /** What is typed again is not wrong until the form is sent. */
  const forgive = (field: string) =>
    setErrors(({ [field]: _, ...others }) => {
      if (field !== "birth_year") return others;
      const { birth_date: __, ...rest } = others;
      return rest;
    });
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
      onInput={(typed) => {
        forgive(field);
        onInput(typed);
      }}
      error={errorOf(field) ?? (field === "birth_year" ? errorOf("birth_date") : undefined)}
      {...extra}
    />
  );

  const submit = async () => {
    await Promise.allSettled(saving.current); // the last stroke of a signature
    clearTimeout(saveTimer.current);
    const checked = await checkForm(view, current.current, streetsOf(props.bundle));
    setErrors(checked.errors);
    setFaults(checked.faults);
    setRefusal(checked.refusal);
    if (checked.refusal) {
      setTimeout(() => document.querySelector("[data-testid=refused]")?.scrollIntoView({ block: "center" }));
      return;
    }
    const wrong = [...Object.keys(checked.errors), ...[...checked.faults.keys()].map((path) => `facts.${path}`)];
    if (wrong.length) {
      if (view.case_seq === 0) await saveCaseView({ ...view, form: current.current });
      setTimeout(() => focusField(wrong));
      return;
    }
    await props.onSubmit(checked.form);
  };

  const discard = async () => {
    isClosed.current = true;
    clearTimeout(saveTimer.current);
    await deleteDraft(view).catch((error: unknown) => {
      isClosed.current = false;
      throw error;
    });
    location.hash = "#/queue";
  };
  const faultCount = Object.keys(errors).length + faults.size;

  return (
    <form
      onKeyDown={moveOnEnter}
      onSubmit={(event) => {
        event.preventDefault();
        document.querySelector<HTMLButtonElement>("[data-testid=form-done]")?.click();
      }}
    >
      <h2>{t("form.person")}</h2>
      <div class="columns">
        {textField("given_name", form.applicant.given_name, (given_name) => changeApplicant({ given_name }), {
          help: t("form.name_help"),
        })}
        {textField("family_name", form.applicant.family_name, (family_name) => changeApplicant({ family_name }), {
          help: t("form.name_help"),
        })}
      </div>
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

      {facts.length > 0 && <h2>{t("form.questions")}</h2>}
      <FactsSection
        facts={facts}
        typed={form.facts}
        known={known}
        applicant={form.applicant}
        caseId={view.case_id}
        streets={streetsOf(props.bundle)}
        faults={faults}
        saving={saving.current}
        proposalFor={(fact) => proposedAnswer(fact, view, form.applicant, earlier)}
        onFacts={(change) => update({ ...current.current, facts: change(current.current.facts) })}
        onFaults={(change) => setFaults(change)}
      />

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
              onChange={(event) => {
                forgive("consent");
                changeContact({ consent: event.currentTarget.checked ? CONSENT_VERSION : "" });
              }}
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
      {refusal && (
        <Notice tone="bad">
          <span data-testid="refused" role="alert">
            {localized(refusal)}
          </span>
        </Notice>
      )}
      {faultCount > 0 && (
        <p class="wrong" role="alert">
          {faultCount === 1 ? t("form.wrong_one") : t("form.wrong", { n: faultCount })}
        </p>
      )}
      {view.case_seq === 0 && <ActionButton label={t("form.drop")} action={discard} />}
    </form>
  );
}
