// The answers of a form with their titles, to check them: each leads back to its field.
import type { ComponentChildren } from "preact";
import { formFacts } from "../../domain/form_facts.ts";
import { printedDay } from "../../domain/printed_content.ts";
import { currentLanguage, localized, t } from "../../i18n/texts.ts";
import type { FormFact, JsonValue } from "../../model/facts.ts";
import type { CaseView } from "../../model/types.ts";
import { answerText, rowTitle } from "./answer_text.ts";
import { AttachmentPicture } from "./attachment_picture.tsx";
import { asObject, textOf } from "./object_value.ts";

/** `onChange` gets the path of the field, such as facts.plate. */
export function AnswersList(props: { view: CaseView; onChange: (path: string) => void }) {
  const { applicant, contact, facts } = props.view.form;
  const birth = applicant.birth_date
    ? printedDay(applicant.birth_date, currentLanguage())
    : String(applicant.birth_year ?? "");
  const name = `${applicant.given_name ?? ""} ${applicant.family_name ?? ""}`;
  return (
    <dl class="answers">
      <Answer title={t("form.person")} path="given_name" onChange={props.onChange}>
        {name}, {birth}
      </Answer>
      {formFacts(props.view.edition).map((fact) => {
        const value = facts[fact.code];
        if (value === undefined || value === null) return null;
        return <FactAnswer key={fact.code} fact={fact} value={value} path={fact.code} onChange={props.onChange} />;
      })}
      {(contact.phone || contact.email) && (
        <Answer title={t("form.reachable")} path={contact.phone ? "phone" : "email"} onChange={props.onChange}>
          {[contact.phone, contact.email].filter(Boolean).join(", ")}
        </Answer>
      )}
    </dl>
  );
}

function FactAnswer(props: { fact: FormFact; value: JsonValue; path: string; onChange: (path: string) => void }) {
  const { fact, value, path } = props;
  if (fact.kind === "group") {
    const rows = Array.isArray(value) ? value : [];
    return (
      <>
        {rows.map((row, index) => (
          <Answer
            key={index}
            title={rowTitle(fact, {}, index + 1)}
            path={`facts.${path}.${index + 1}`}
            onChange={props.onChange}
          >
            <RowAnswer fact={fact} row={row} />
          </Answer>
        ))}
      </>
    );
  }
  return (
    <Answer title={localized(fact.titles)} path={`facts.${path}`} onChange={props.onChange}>
      <Value fact={fact} value={value} />
    </Answer>
  );
}

function RowAnswer(props: { fact: FormFact; row: JsonValue }) {
  const parts = (props.fact.facts ?? []).filter((part) => asObject(props.row)[part.code] !== undefined);
  return (
    <>
      {parts.map((part) => (
        <span key={part.code} class="part">
          {part.kind !== "person" && <small>{localized(part.titles)}: </small>}
          <Value fact={part} value={asObject(props.row)[part.code] ?? null} />
        </span>
      ))}
    </>
  );
}

function Value(props: { fact: FormFact; value: JsonValue }) {
  const { fact, value } = props;
  if (fact.kind === "photo") return <AttachmentPicture id={textOf(value, "photo")} alt={localized(fact.titles)} />;
  if (fact.kind === "signature")
    return <AttachmentPicture id={textOf(value, "signature")} alt={localized(fact.titles)} signature />;
  return <>{answerText(fact, value)}</>;
}

function Answer(props: { title: string; path: string; onChange: (path: string) => void; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.title}</dt>
      <dd>{props.children}</dd>
      <dd class="change">
        <button type="button" class="link" onClick={() => props.onChange(props.path)}>
          {t("check.change")}
          <span class="unseen"> {props.title}</span>
        </button>
      </dd>
    </div>
  );
}
