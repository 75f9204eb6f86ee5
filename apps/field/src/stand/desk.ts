// What the crew does to a case, one step after the other, each an entry for the office.
import { v7 } from "uuid";
import { now } from "../device/clock.ts";
import { database, type TillRow } from "../store/db.ts";
import { bodyOf, type Captured, type Change, entriesOfCase, keepCase, write } from "../store/outbox.ts";
import { sendSoon } from "../sync/engine.ts";
import { type Bundle, certificateOf } from "./bundle.ts";
import { dayOf, factsOf, Missing, papersOf, price, printedDay } from "./fees.ts";
import { cleaned } from "./form.ts";
import { stamp } from "./papers.ts";
import type { CaseView, Form, Language, Level, Offered, Paid, Step } from "./types.ts";

export const CONSENT = "2026-1"; // version of the words agreed to; see words/*.json, "consent"

const SATISFIED_BY: Record<Level, Level[]> = {
  none: ["none", "known", "photo_id", "photo_id_and_second_proof", "eid_high", "representative"],
  known: ["known", "photo_id", "photo_id_and_second_proof", "eid_high", "representative"],
  photo_id: ["photo_id", "photo_id_and_second_proof", "eid_high", "representative"],
  photo_id_and_second_proof: ["photo_id_and_second_proof", "eid_high"],
  eid_high: ["eid_high"],
  representative: ["representative"],
};

/** What proves enough, the weakest first. */
export const levelsFor = (wanted: Level): Level[] => SATISFIED_BY[wanted];

export type Stage = "form" | Extract<Step, "identify" | "papers" | "fee"> | "paper";

/** The first thing that is not done yet; "paper" when the desk has nothing left to ask. */
export function stageOf(view: CaseView): Stage {
  if (view.case_seq === 0) return "form";
  const facts = factsOf(view.form, dayOf(view.opened_at));
  for (const step of view.edition.steps) {
    if (step === "identify" && !SATISFIED_BY[view.edition.identification].includes(view.identified || "none"))
      return step;
    if (step === "papers" && papersOf(view.edition, facts).needed.some((one) => !view.papers[one.code])) return step;
    if (step === "fee" && !view.paid && owed(view) > 0) return step;
  }
  return "paper";
}

/** In cents. Every fact was asked before, so nothing is missing. */
export function owed(view: CaseView): number {
  const bill = price(view.edition, factsOf(view.form, dayOf(view.opened_at)));
  return bill instanceof Missing ? 0 : bill.cents;
}

export function begin(
  offered: Offered,
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

async function then(build: Parameters<typeof write>[0]): Promise<CaseView> {
  const view = await write(build);
  sendSoon();
  return view;
}

export function openCase(view: CaseView, typed: Form): Promise<CaseView> {
  const form = cleaned(typed);
  return then((hand) => {
    const number = hand.take("GZ").number;
    const body = { ...opening(view), number, ...form };
    return { view: { ...view, form, number, opened_at: now() }, entries: [{ type: "case.open", body }] };
  });
}

function opening({ service, language, appointment_id }: CaseView): object {
  return { service, language, ...(appointment_id && { appointment_id }) };
}

/** What was refused is sent again, right, under the next places in the order; nothing that was accepted is repeated.
 * Without its opening the office has nothing of the case, and gets all of it; else what was refused, after what changed. */
export async function correct(view: CaseView, typed: Form): Promise<CaseView> {
  const form = cleaned(typed);
  const refused = (await entriesOfCase(view.case_id)).filter((row) => row.state === "refused");
  const unopened = refused.find((row) => row.type === "case.open");
  const again = await Promise.all(
    refused.filter((row) => row !== unopened).map(async (row) => ({ type: row.type, body: await bodyOf(row) })),
  );
  const first = unopened
    ? { type: "case.open", body: { ...opening(view), number: view.number, ...form } }
    : { type: "case.fill", body: form };
  const changed = unopened || JSON.stringify(form) !== JSON.stringify(cleaned(view.form));
  return then(() => ({ view: { ...view, form }, entries: changed ? [first, ...again] : again, replaces: refused }));
}

/** The fields that changed, and no others, so that what another device wrote meanwhile is not overwritten. */
export function amend(view: CaseView, typed: Form): Promise<CaseView> {
  const form = cleaned(typed);
  const before = cleaned(view.form);
  const body = {
    applicant: changedIn(before.applicant, form.applicant),
    contact: changedIn(before.contact, form.contact),
    facts: changedIn(before.facts, form.facts),
  };
  const nothing = Object.values(body).every((part) => Object.keys(part).length === 0);
  return then(() => ({ view: { ...view, form }, entries: nothing ? [] : [{ type: "case.fill", body }] }));
}

function changedIn(before: object, after: object): Record<string, unknown> {
  const [old, fresh] = [new Map(Object.entries(before)), new Map(Object.entries(after))];
  const names = [...new Set([...old.keys(), ...fresh.keys()])].filter((name) => old.get(name) !== fresh.get(name));
  return Object.fromEntries(names.map((name) => [name, fresh.get(name) ?? null]));
}

export function identify(view: CaseView, level: Level): Promise<CaseView> {
  return then(() => ({ view: { ...view, identified: level }, entries: [{ type: "case.identify", body: { level } }] }));
}

export function seePaper(view: CaseView, code: string, photo?: Captured): Promise<CaseView> {
  const paper = view.edition.papers.find((one) => one.code === code)!;
  const seen = photo ? { handling: paper.handling, attachment_id: photo.attachment_id } : { handling: paper.handling };
  return then(() => ({
    view: { ...view, papers: { ...view.papers, [code]: seen } },
    entries: [{ type: "case.see_paper", body: { code, ...seen } }],
    files: photo ? [photo] : [],
  }));
}

export async function openTill(): Promise<TillRow | undefined> {
  return (await (await database()).getAll("tills")).find((till) => !till.closed);
}

/** The money and its receipt, in the till that is open. */
export function takeFee(view: CaseView, payment: Paid["payment"]): Promise<CaseView> {
  return then(async (hand) => {
    const bill = price(view.edition, factsOf(view.form, dayOf(view.opened_at)));
    if (bill instanceof Missing) throw new Error(`the fee depends on ${bill.fact}`);
    const till = await openTill();
    const cents = payment === "waived" ? 0 : bill.cents;
    const receipt = hand.take("BE").number;
    const lines = bill.lines.map((fee) => ({ titles: fee.titles, cents: payment === "waived" ? 0 : fee.amount_cents }));
    const paid: Paid = { cents, payment, receipt, lines, at: now() };
    const body = { cents, payment, receipt, ...(till && { till_id: till.till_id }) };
    const change: Change = { view: { ...view, paid }, entries: [{ type: "case.pay", body }] };
    if (till) change.till = counted(till, payment, cents);
    return change;
  });
}

function counted(till: TillRow, payment: Paid["payment"], cents: number): TillRow {
  return {
    ...till,
    receipts: till.receipts + 1,
    cash_cents: till.cash_cents + (payment === "cash" ? cents : 0),
    card_cents: till.card_cents + (payment === "card" ? cents : 0),
    waived: till.waived + (payment === "waived" ? 1 : 0),
  };
}

/** A paper with the device's stamp; the register may not have answered yet, and the list of papers says if it says no. */
export function givePaper(view: CaseView, found: Bundle): Promise<CaseView> {
  return then(async (hand) => {
    const { number, place } = hand.take("UK");
    const output = view.edition.outputs[0]!;
    const [at, applicant] = [now(), view.form.applicant];
    const [today, born] = [dayOf(at), applicant.birth_date];
    const until = output.valid ? dayOf(at + output.valid * 24 * 3600_000) : "";
    const printed = {
      title: output.titles[view.language],
      place: found.stand.place,
      given_name: applicant.given_name ?? "",
      family_name: applicant.family_name ?? "",
      birth_date: born ? printedDay(born) : String(applicant.birth_year ?? ""),
      issued_on: printedDay(today),
      valid_until: until ? printedDay(until) : "",
    };
    const holder = [printed.given_name, printed.family_name, printed.birth_date].filter(Boolean).join(" ");
    const stamped = { number, place, holder, issuedAt: at, validUntil: until, printed };
    const text = await stamp(stamped, certificateOf(found));
    const document_id = v7();
    const paper = { document_id, number, stamp: text, at, printed };
    return {
      view: { ...view, paper },
      entries: [{ type: "case.give_provisional", body: { document_id, number } }],
    };
  });
}

export function withdraw(view: CaseView): Promise<CaseView> {
  return then(() => ({ view: { ...view, handed_over: true }, entries: [{ type: "case.withdraw", body: {} }] }));
}

export async function handOver(view: CaseView): Promise<CaseView> {
  const done = { ...view, handed_over: true };
  await keepCase(done);
  return done;
}
