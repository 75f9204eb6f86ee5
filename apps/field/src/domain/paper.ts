// Composes what the stand's paper says. The office composes the same in intake.jobs.
import type { CaseView, PrintedContent } from "../model/types.ts";
import type { Session } from "../session/session.ts";
import type { Bundle } from "./bundle.ts";
import { addDays, dayOf } from "./fees.ts";
import { mainFacts, paperText, printedContent, printedDay, printedMoney } from "./printed_content.ts";

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
  const output = edition.outputs[0]!;
  const { given_name = "", family_name = "", birth_date, birth_year } = view.form.applicant;
  const birth = printedDay(birth_date ?? String(birth_year ?? ""), language);
  const known: [string, string][] = [
    [paperText(language, "content.family_name"), family_name],
    [paperText(language, "content.given_name"), given_name],
    [paperText(language, "content.birth"), birth],
  ];
  const rows = known.filter(([, value]) => value);
  const validUntil = output.valid ? addDays(dayOf(at), output.valid) : "";
  const receipt = paid && `${paperText(language, "content.receipt")} ${paid.receipt}`;
  const printed = printedContent({
    kind: output.template,
    title: output.titles[language],
    number,
    file_number: view.number,
    authority: bundle.letterhead?.name[language] ?? session.trusted[0]?.name ?? "",
    place: bundle.stand.place,
    issued_on: printedDay(dayOf(at), language),
    valid_until: validUntil && printedDay(validUntil, language),
    officer: session.officer,
    intro: paperText(language, "content.intro"),
    rows,
    law: edition.competence?.law ?? "",
    fee: paid?.cents ? `${printedMoney(paid.cents, language)} (${receipt})` : "",
    main: mainFacts(rows),
  });
  return { printed, holder: [given_name, family_name, birth].filter(Boolean).join(" "), validUntil };
}
