// Composes what the stand's paper says, by the rules of the office (intake.domain.paper_composer). What only a register
// knows is left out: the office prints it on its own paper, under the same number and date.
import type { FormFact, JsonObject } from "../model/facts.ts";
import type { CaseView, Output, PrintedContent, PrintedTable, Titles } from "../model/types.ts";
import type { Session } from "../session/session.ts";
import type { Bundle } from "./bundle.ts";
import { evaluate, resolve } from "./conditions.ts";
import { isObject } from "./facts/definition.ts";
import { addDays, dayOf, factsOf } from "./fees.ts";
import { formFacts } from "./form_facts.ts";
import { mainFacts, type PaperText, paperText, printedContent, printedDay, printedMoney } from "./printed_content.ts";
import { printedValue, typeOf } from "./printed_values.ts";

export interface Paper {
  printed: PrintedContent;
  holder: string; // for the stamp
  validUntil: string; // 2026-12-31, or empty
}

export function composePaper(
  view: CaseView,
  issue: { number: string; at: number; bundle: Bundle; session: Session },
): Paper {
  const { language, edition, paid } = view;
  const { number, at, bundle, session } = issue;
  const values = factsOf(view.form, dayOf(view.opened_at), formFacts(edition));
  const output = outputOf(view, values);
  const text = (reference: string) => printedValue(resolve(values, reference), typeOf(edition, reference), language);
  const rows = output.rows.map(({ titles, value }): [string, string] => [titles[language], text(value)]);
  const titleOf = (reference: string) => output.rows.find((row) => row.value === reference)?.titles[language] ?? "";
  const validUntil = output.valid_days ? addDays(dayOf(at), output.valid_days) : "";
  const receipt = paid && `${paperText(language, "content.receipt")} ${paid.receipt}`;
  const printed = printedContent({
    kind: output.kind,
    title: output.titles[language],
    number,
    file_number: view.number,
    authority: bundle.letterhead?.name[language] ?? session.trusted[0]?.name ?? "",
    place: bundle.stand.place,
    issued_on: printedDay(dayOf(at), language),
    valid_until: validUntil && printedDay(validUntil, language),
    officer: session.officer,
    intro: output.intro[language],
    rows: rows.filter(([, value]) => value),
    tables: output.tables.map((table) => printedTable(view, table, values)).filter((table) => table.rows.length > 0),
    law: output.law,
    fee: paid?.cents ? `${printedMoney(paid.cents, language)} (${receipt})` : "",
    remedies: output.remedies?.[language] ?? "",
    notes: output.notes.map((note) => note[language]),
    main: mainFacts(output.main.map((reference): [string, string] => [titleOf(reference), text(reference)])),
  });
  return { printed, holder: holderOf(view), validUntil };
}

/** The first document whose condition holds; what depends on a register comes from the office. */
function outputOf(view: CaseView, values: JsonObject): Output {
  const { outputs } = view.edition;
  const output = outputs.find((candidate) => evaluate(candidate.when, values) === true) ?? outputs[0]!;
  return output.rows ? output : { ...ofEarlierRelease(view), ...output };
}

/** A case that an earlier release began has a service without rows and texts. */
function ofEarlierRelease({ edition }: CaseView): Omit<Output, "template" | "titles"> {
  const both = (key: PaperText): Titles => ({ de: paperText("de", key), en: paperText("en", key) });
  const rows = [
    { titles: both("content.family_name"), value: "applicant.family_name" },
    { titles: both("content.given_name"), value: "applicant.given_name" },
    { titles: both("content.birth"), value: "applicant.birth" },
  ];
  const main = rows.map((row) => row.value);
  const law = edition.competence?.law ?? "";
  return { kind: "", law, intro: both("content.intro"), rows, tables: [], notes: [], main, valid_days: null };
}

function printedTable(view: CaseView, table: Output["tables"][number], values: JsonObject): PrintedTable {
  const { language, edition } = view;
  const group = edition.facts.find((fact) => fact.code === table.each) as FormFact | undefined;
  const listed = resolve(values, table.each);
  const rows = (Array.isArray(listed) ? listed : []).filter(isObject).map((row) =>
    table.columns.map(({ value }) => {
      const known = { ...values, ...row };
      return printedValue(resolve(known, value), typeOf(edition, value, group), language);
    }),
  );
  return { title: table.titles[language], columns: table.columns.map(({ titles }) => titles[language]), rows };
}

function holderOf(view: CaseView): string {
  const { given_name = "", family_name = "", birth_date, birth_year } = view.form.applicant;
  const birth = printedDay(birth_date ?? String(birth_year ?? ""), view.language);
  return [given_name, family_name, birth].filter(Boolean).join(" ");
}
