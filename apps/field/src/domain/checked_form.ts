// The whole form, checked before it is sent or stored: faults beside the fields instead of refusals by the office.
import type { CaseView, Form, Titles } from "../model/types.ts";
import { now } from "../platform/clock.ts";
import { isSignature } from "../store/draft_files.ts";
import { brokenRule } from "./admission.ts";
import { FactFault } from "./facts/fault.ts";
import type { StreetRegister } from "./facts/streets.ts";
import { dayOf } from "./fees.ts";
import { type FormErrors, validateForm } from "./form.ts";
import { caseValues, checkFacts, formFacts, signatures } from "./form_facts.ts";

/** `form`: with canonical facts. `errors`: of applicant and contact, by field; `faults`: of facts, by path.
 * `refusal`: why the citizen is not admitted, if the form is complete. */
export interface CheckedForm {
  form: Form;
  errors: FormErrors;
  faults: Map<string, FactFault>;
  refusal: Titles | null;
}

/** The day that counts for the case, in Linz. */
export const applicationDay = (view: CaseView): string => dayOf(view.case_seq ? view.opened_at : now());

export async function checkForm(view: CaseView, typed: Form, streets: StreetRegister | null): Promise<CheckedForm> {
  const errors = validateForm(typed, view.edition, dayOf(now()));
  const facts = formFacts(view.edition);
  const known = caseValues(typed.applicant, applicationDay(view));
  const { canonical, faults, values } = checkFacts(facts, typed.facts, known, streets);
  for (const [path, attachment] of signatures(facts, canonical))
    if ((await isSignature(attachment)) === false) faults.set(path, new FactFault("signature.needed"));
  const complete = faults.size === 0 && Object.keys(errors).length === 0;
  const rule = complete ? brokenRule(view.edition, { ...known, ...values }) : undefined;
  return { form: { ...typed, facts: canonical }, errors, faults, refusal: rule?.refusal ?? null };
}
