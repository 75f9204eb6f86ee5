// First answers that the form offers: from the appointment, from the same citizen's earlier case at this stand today,
// from a register. The clerk confirms them.
import type { FormFact, JsonObject, JsonValue } from "../model/facts.ts";
import type { Applicant, CaseView } from "../model/types.ts";
import { now } from "../platform/clock.ts";
import { loadCases } from "../store/outbox.ts";
import type { BundleAppointment } from "./bundle.ts";
import { isSame, resolve } from "./conditions.ts";
import { checkFact } from "./facts/check.ts";
import { FactFault } from "./facts/fault.ts";
import { dayOf } from "./fees.ts";
import { attachmentIds, formFacts } from "./form_facts.ts";

/** Of a new case: the answers that the appointment knows, as typed values. */
export function answersOfAppointment(facts: readonly FormFact[], appointment: BundleAppointment): JsonObject {
  const { language, service } = appointment;
  const known: JsonObject = { language, service, ...appointment.facts };
  const answers: JsonObject = {};
  for (const fact of facts) {
    const value = known[fact.code];
    if (fact.prefill === "appointment" && value !== undefined && !(checkFact(fact, value) instanceof FactFault))
      answers[fact.code] = value;
  }
  return answers;
}

/** The other cases of this stand that were opened today, the newest first. */
export async function earlierCases(view: CaseView): Promise<CaseView[]> {
  const today = dayOf(now());
  const cases = await loadCases(view.stand_id);
  return cases.filter(
    (other) => other.case_id !== view.case_id && other.case_seq > 0 && dayOf(other.opened_at) === today,
  );
}

/** Undefined without a proposal. */
export function proposedAnswer(
  fact: FormFact,
  view: CaseView,
  applicant: Applicant,
  earlier: readonly CaseView[],
): JsonValue | undefined {
  const value =
    fact.prefill === "former_answer"
      ? formerAnswer(fact, applicant, earlier)
      : fact.prefill === "register_answer"
        ? registerAnswer(fact, view)
        : undefined;
  if (value === undefined || value === null || checkFact(fact, value) instanceof FactFault) return undefined;
  return value;
}

/** Attachments belong to their case and are not taken over. */
function formerAnswer(fact: FormFact, applicant: Applicant, earlier: readonly CaseView[]): JsonValue | undefined {
  for (const view of earlier) {
    const asked = formFacts(view.edition).find((other) => other.code === fact.code && other.kind === fact.kind);
    const value = asked && isPerson(view.form.applicant, applicant) ? view.form.facts[fact.code] : undefined;
    if (value !== undefined && !attachmentIds({ [fact.code]: value }).length) return value;
  }
  return undefined;
}

function isPerson(known: Applicant, typed: Applicant): boolean {
  const birth = (person: Applicant) => person.birth_date || String(person.birth_year || "");
  return (
    isSame(known.family_name ?? "", typed.family_name ?? "") &&
    isSame(known.given_name ?? "", typed.given_name ?? "") &&
    isSame(birth(known), birth(typed))
  );
}

/** `prefill_from`: such as residence.address, of the answer to the call residence. */
function registerAnswer(fact: FormFact, view: CaseView): JsonValue | undefined {
  const answers = view.office?.answers ?? [];
  if (!fact.prefill_from) return answers.find((answer) => answer.facts?.[fact.code] !== undefined)?.facts?.[fact.code];
  const values = Object.fromEntries(answers.map((answer) => [answer.call, answer.facts ?? {}]));
  return resolve(values, fact.prefill_from);
}
