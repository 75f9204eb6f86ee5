// The steps of a case. Each step becomes one or more entries for the office.
import { v7 } from "uuid";
import type { JsonObject } from "../model/facts.ts";
import type { TillRow } from "../model/rows.ts";
import type {
  CaseStep,
  CaseView,
  Form,
  IdentificationLevel,
  Language,
  OfferedService,
  PaidFee,
  RegisterAnswer,
} from "../model/types.ts";
import { now } from "../platform/clock.ts";
import { database } from "../platform/database.ts";
import { getDevice } from "../platform/identity.ts";
import type { Session } from "../session/session.ts";
import {
  type CapturedFile,
  type CaseChange,
  entriesOfCase,
  entryBody,
  saveCaseView,
  saveChange,
} from "../store/outbox.ts";
import { syncSoon } from "../sync/engine.ts";
import { type Bundle, certificateOf } from "./bundle.ts";
import { MissingFact } from "./conditions.ts";
import { createStamp } from "./documents.ts";
import { type Bill, dayOf, factsOf, priceCase, requiredDocuments } from "./fees.ts";
import { cleanForm } from "./form.ts";
import { attachmentIds, formFacts, sentFacts } from "./form_facts.ts";
import { composePaper } from "./paper.ts";

export const CONSENT_VERSION = "2026-1"; // version of the consent text, key "consent" in i18n/*.json

const SATISFIED_BY: Record<IdentificationLevel, IdentificationLevel[]> = {
  none: ["none", "known", "photo_id", "photo_id_and_second_proof", "eid_high", "representative"],
  known: ["known", "photo_id", "photo_id_and_second_proof", "eid_high", "representative"],
  photo_id: ["photo_id", "photo_id_and_second_proof", "eid_high", "representative"],
  photo_id_and_second_proof: ["photo_id_and_second_proof", "eid_high"],
  eid_high: ["eid_high"],
  representative: ["representative"],
};

/** The identification levels that satisfy `required`, the weakest first. */
export const acceptedLevels = (required: IdentificationLevel): IdentificationLevel[] => SATISFIED_BY[required];

export type Stage = "form" | Extract<CaseStep, "identify" | "papers" | "fee"> | "paper";

/** The first open step; "paper" if only the document is left. */
export function currentStage(view: CaseView): Stage {
  if (view.case_seq === 0) return "form";
  const facts = valuesOf(view);
  for (const step of view.edition.steps) {
    if (step === "identify" && !SATISFIED_BY[view.edition.identification].includes(view.identified || "none"))
      return step;
    if (
      step === "papers" &&
      requiredDocuments(view.edition, facts).needed.some((document) => !view.papers[document.code])
    )
      return step;
    if (step === "fee" && !view.paid && amountDue(view) > 0) return step;
  }
  return "paper";
}

/** The values of a case whose form is complete, for the conditions of its edition. */
export function valuesOf(view: CaseView): JsonObject {
  const day = dayOf(view.opened_at);
  return { ...factsOf(view.form, day, formFacts(view.edition)), ...(view.number && { number: view.number }) };
}

export const billOf = (view: CaseView): Bill | MissingFact => priceCase(view.edition, valuesOf(view));

/** In cents. The form has asked for every fact before, so none is missing. */
export function amountDue(view: CaseView): number {
  const bill = billOf(view);
  return bill instanceof MissingFact ? 0 : bill.cents;
}

export function newCase(
  offered: OfferedService,
  standId: string,
  language: Language,
  called: string,
  appointmentId = "",
): CaseView {
  return {
    case_id: v7(),
    stand_id: standId,
    service: offered.service,
    edition: offered.edition,
    language,
    form: { applicant: {}, contact: {}, facts: {} },
    identified: "",
    papers: {},
    paid: null,
    paper: null,
    handed_over: false,
    number: "",
    appointment_id: appointmentId,
    called,
    case_seq: 0,
    opened_at: now(),
    office: null,
  };
}

async function saveAndSync(build: Parameters<typeof saveChange>[0]): Promise<CaseView> {
  const view = await saveChange(build);
  syncSoon();
  return view;
}

/** `form`: with canonical facts. */
export function openCase(view: CaseView, form: Form): Promise<CaseView> {
  const clean = cleanForm(form);
  return saveAndSync((allocator) => {
    const number = allocator.allocate("GZ").number;
    const body = { ...openingFields(view), number, ...openingForm(view, clean) };
    const next = { ...view, form: clean, number, opened_at: now() };
    return { view: next, entries: [{ type: "case.open", body }], attached: attachmentIds(clean.facts) };
  });
}

function openingFields({ service, language, appointment_id }: CaseView): object {
  return { service, language, ...(appointment_id && { appointment_id }) };
}

function sentForm(view: CaseView, form: Form): Form {
  return { ...form, facts: sentFacts(formFacts(view.edition), form.facts) };
}

/** Of who stays anonymous no name is sent. */
function openingForm(view: CaseView, form: Form): Partial<Form> {
  const { applicant, ...others } = sentForm(view, form);
  return Object.keys(applicant).length ? { applicant, ...others } : others;
}

/** Sends refused entries again, corrected, as new entries; accepted entries are not repeated. If the opening was
 * refused, the office has nothing of the case and gets all of it; otherwise it gets the form, which clears what was
 * emptied and replaces refused changes of the form, and the other refused entries. */
export async function correctCase(view: CaseView, form: Form): Promise<CaseView> {
  const [before, clean] = [cleanForm(view.form), cleanForm(form)];
  const refused = (await entriesOfCase(view.case_id)).filter((row) => row.state === "refused");
  const opens = refused.some((row) => row.type === "case.open");
  const fills = refused.some((row) => row.type === "case.fill");
  const resent = await Promise.all(
    refused
      .filter((row) => row.type !== "case.open" && row.type !== "case.fill")
      .map(async (row) => ({ type: row.type, body: await entryBody(row) })),
  );
  const body = sentForm(view, clean);
  const firstEntry = opens
    ? { type: "case.open", body: { ...openingFields(view), number: view.number, ...openingForm(view, clean) } }
    : { type: "case.fill", body: withCleared(sentForm(view, before), body) };
  const formChanged = opens || fills || JSON.stringify(clean) !== JSON.stringify(before);
  return saveAndSync(() => ({
    view: { ...askedAgain(view), form: clean },
    entries: formChanged ? [firstEntry, ...resent] : resent,
    replaces: refused,
    attached: attachmentIds(clean.facts),
  }));
}

/** Sends only the changed fields, so that changes of another device are not overwritten. A paper that says something
 * else is no longer valid; a new one can be issued. */
export function amendCase(view: CaseView, form: Form): Promise<CaseView> {
  const clean = cleanForm(form);
  const [before, after] = [sentForm(view, cleanForm(view.form)), sentForm(view, clean)];
  const body = {
    applicant: changedFields(before.applicant, after.applicant),
    contact: changedFields(before.contact, after.contact),
    facts: changedFields(before.facts, after.facts),
  };
  const unchanged = Object.values(body).every((part) => Object.keys(part).length === 0);
  const isOnPaper = [body.applicant, body.facts].some((part) => Object.keys(part).length > 0);
  return saveAndSync(() => ({
    view: unchanged ? view : { ...askedAgain(view), form: clean, paper: isOnPaper ? null : view.paper },
    entries: unchanged ? [] : [{ type: "case.fill", body }],
    attached: attachmentIds(clean.facts),
  }));
}

/** What the office said against the answers as they were is over, until it has read the new ones. */
function askedAgain(view: CaseView): CaseView {
  if (view.office?.state !== "needs_visit") return view;
  const { explanation: _, ...office } = view.office;
  return { ...view, office: { ...office, state: "open" } };
}

/** The whole form, with null for what it had before. */
function withCleared(before: Form, after: Form): object {
  const cleared = (part: keyof Form) =>
    Object.fromEntries(Object.keys({ ...before[part], ...after[part] }).map((name) => [name, null]));
  return {
    applicant: { ...cleared("applicant"), ...after.applicant },
    contact: { ...cleared("contact"), ...after.contact },
    facts: { ...cleared("facts"), ...after.facts },
  };
}

/** Values are compared as JSON: rules write their parts in one order. */
function changedFields(before: object, after: object): Record<string, unknown> {
  const [oldFields, newFields] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = [...new Set([...oldFields.keys(), ...newFields.keys()])].filter(
    (name) => JSON.stringify(oldFields.get(name) ?? null) !== JSON.stringify(newFields.get(name) ?? null),
  );
  return Object.fromEntries(names.map((name) => [name, newFields.get(name) ?? null]));
}

export function recordIdentification(view: CaseView, level: IdentificationLevel): Promise<CaseView> {
  return saveAndSync(() => ({
    view: { ...view, identified: level },
    entries: [{ type: "case.identify", body: { level } }],
  }));
}

export function recordDocumentSeen(view: CaseView, code: string, photo?: CapturedFile): Promise<CaseView> {
  const document = view.edition.papers.find((document) => document.code === code)!;
  const seen = photo
    ? { handling: document.handling, attachment_id: photo.attachment_id }
    : { handling: document.handling };
  return saveAndSync(() => ({
    view: { ...view, papers: { ...view.papers, [code]: seen } },
    entries: [{ type: "case.see_paper", body: { code, ...seen } }],
    files: photo ? [photo] : [],
  }));
}

export async function findOpenTill(): Promise<TillRow | undefined> {
  return (await (await database()).getAll("tills")).find((till) => !till.closed);
}

/** Records the payment with a receipt, in the open till if there is one. */
export function recordPayment(view: CaseView, payment: PaidFee["payment"]): Promise<CaseView> {
  return saveAndSync(async (allocator) => {
    const bill = billOf(view);
    if (bill instanceof MissingFact) throw new Error(`the fee depends on ${bill.fact}`);
    const till = await findOpenTill();
    const cents = payment === "waived" ? 0 : bill.cents;
    const receipt = allocator.allocate("BE").number;
    const lines = bill.lines.map(({ fee: { titles, law }, cents: amount_cents }) => {
      return { titles, law, cents: payment === "waived" ? 0 : amount_cents };
    });
    const name = till ? ((await getDevice())?.label ?? "") : ""; // a device has one till
    const paid: PaidFee = { cents, payment, receipt, lines, at: now(), till: name };
    const body = { cents, payment, receipt, ...(till && { till_id: till.till_id }) };
    const change: CaseChange = { view: { ...view, paid }, entries: [{ type: "case.pay", body }] };
    if (till) change.till = addReceipt(till, payment, cents);
    return change;
  });
}

function addReceipt(till: TillRow, payment: PaidFee["payment"], cents: number): TillRow {
  return {
    ...till,
    receipts: till.receipts + 1,
    cash_cents: till.cash_cents + (payment === "cash" ? cents : 0),
    card_cents: till.card_cents + (payment === "card" ? cents : 0),
    waived: till.waived + (payment === "waived" ? 1 : 0),
  };
}

/** Confirmed by the citizen, until the register answers something else. */
export async function confirmAnswers(view: CaseView, answers: RegisterAnswer[]): Promise<CaseView> {
  const reviewed = Object.fromEntries(answers.map((answer) => [answer.call, JSON.stringify(answer.rows)]));
  const next = { ...view, reviewed: { ...view.reviewed, ...reviewed } };
  await saveCaseView(next);
  return next;
}

/** What registers answered and the citizen has not confirmed. */
export function unreviewedAnswers(view: CaseView): RegisterAnswer[] {
  return (view.office?.answers ?? []).filter((answer) => view.reviewed?.[answer.call] !== JSON.stringify(answer.rows));
}

/** Whether this service may be finished at the stand before its registers have answered. */
export function mayIssue(view: CaseView): boolean {
  const output = view.edition.outputs[0];
  return output !== undefined && output.provisional !== false;
}

/** Issues a provisional document with the device's stamp. If the register later refuses, the status list revokes it. */
export function issueDocument(view: CaseView, bundle: Bundle, session: Session): Promise<CaseView> {
  return saveAndSync(async (allocator) => {
    const { number, statusIndex } = allocator.allocate("UK");
    const at = now();
    const { printed, holder, validUntil } = composePaper(view, { number, at, bundle, session });
    const content = { number, statusIndex, holder, issuedAt: at, validUntil, printed };
    const text = await createStamp(content, certificateOf(bundle));
    const document_id = v7();
    const paper = { document_id, number, stamp: text, at, printed };
    const body = { document_id, number, issued_at: new Date(at).toISOString() };
    return { view: { ...view, paper }, entries: [{ type: "case.give_provisional", body }] };
  });
}

export function withdrawCase(view: CaseView): Promise<CaseView> {
  return saveAndSync(() => ({ view: { ...view, handed_over: true }, entries: [{ type: "case.withdraw", body: {} }] }));
}

export async function handOverCase(view: CaseView): Promise<CaseView> {
  const done = { ...view, handed_over: true };
  await saveCaseView(done);
  return done;
}
