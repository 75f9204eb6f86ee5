// The case as stored on the device, and the services of the bundle. Field names are those of the catalogue and of
// stored rows, so they cannot be renamed here alone.
import type { CatalogueFact, Condition, JsonValue } from "./facts.ts";
import type { Language, Titles } from "./titles.ts";

export type { Language, Titles };

export interface RequiredDocument {
  code: string;
  titles: Titles;
  handling: "show" | "scan" | "keep";
  when: Condition | null;
}

export interface Fee {
  code: string;
  titles: Titles;
  law: string;
  amount_cents: number;
  valid_from: string | null;
  valid_to: string | null;
  when: Condition | null;
  per?: string | null;
}

export type CaseStep = "identify" | "papers" | "register" | "fee" | "issue" | "hand_over";
export type IdentificationLevel =
  | "none"
  | "known"
  | "photo_id"
  | "photo_id_and_second_proof"
  | "eid_high"
  | "representative";

export interface Edition {
  valid_from: string;
  ending: string;
  titles: Titles;
  competence?: { law: string; elsewhere?: Titles | null };
  identification: IdentificationLevel;
  facts: CatalogueFact[];
  steps: CaseStep[];
  papers: RequiredDocument[];
  calls: { code: string; titles: Titles }[];
  admission: AdmissionRule[];
  fees: Fee[];
  outputs: Output[];
  obligations: { code: string; titles: Titles; reminder: Titles }[];
  notice_consent: boolean;
}

/** `provisional`: whether a stand may issue it before the registers have answered; older catalogues do not say it. */
export interface Output {
  kind: string;
  template: string;
  titles: Titles;
  when?: Condition | null;
  law: string;
  intro: Titles;
  rows: OutputLine[];
  tables: { titles: Titles; each: string; columns: OutputLine[] }[];
  remedies?: Titles | null;
  notes: Titles[];
  main: string[];
  valid_days: number | null;
  provisional?: boolean;
}

export interface OutputLine {
  titles: Titles;
  value: string;
}

/** What must hold, or the citizen is not admitted. */
export interface AdmissionRule {
  code: string;
  require: Condition;
  refusal: Titles;
}

export interface OfferedService {
  service: string;
  version: string;
  edition: Edition;
}

export interface Applicant {
  given_name?: string;
  family_name?: string;
  birth_date?: string;
  birth_year?: number;
}

export interface Contact {
  phone?: string;
  email?: string;
  consent?: string;
}

/** `facts`: the answers by code. In a draft as they were typed, afterwards as canonical values. */
export interface Form {
  applicant: Applicant;
  contact: Contact;
  facts: Record<string, JsonValue>;
}

export interface SeenDocument {
  handling: RequiredDocument["handling"];
  attachment_id?: string;
}

/** `law` and `till` are missing in fees that an earlier release took. */
export interface PaidFee {
  cents: number;
  payment: "cash" | "card" | "waived";
  receipt: string;
  lines: { titles: Titles; cents: number; law?: string }[];
  at: number;
  till?: string;
}

export interface PrintedTable {
  title: string;
  columns: string[];
  rows: string[][];
}

/** What a paper says, as printed; an absent part is empty. See intake.domain.printed_content. */
export interface PrintedContent {
  kind: string; // code of the kind of paper, such as certificate
  title: string; // the kind as printed
  number: string;
  file_number: string;
  authority: string;
  place: string;
  issued_on: string;
  valid_until: string;
  officer: string;
  intro: string;
  rows: [string, string][];
  tables: PrintedTable[];
  law: string;
  fee: string;
  reasons: string;
  remedies: string;
  notes: string[];
  main: string; // the main facts in one line, which the stamp repeats
}

/** A document issued at the stand. `printed`: single fields by name, if an earlier release issued it. */
export interface IssuedDocument {
  document_id: string;
  number: string;
  stamp: string;
  at: number;
  printed: PrintedContent | Record<string, string>;
}

/** The head of the authority on its papers, from the bundle. `arms`: SVG. */
export interface Letterhead {
  code: string;
  name: Titles;
  department: Titles;
  street: string;
  postal_code: string;
  place: string;
  phone: string;
  email: string;
  web: string;
  verify_at: string;
  head: Titles;
  arms: string;
}

/** What a register answered to a call of the case, as the citizen reads it. `facts`: answers for the form, by code. */
export interface RegisterAnswer {
  call: string;
  titles: Titles;
  rows: { titles: Titles; value: string }[];
  facts?: Record<string, JsonValue>;
}

export interface ServerState {
  state: string;
  version: number;
  reason: string;
  answers?: RegisterAnswer[];
  explanation?: Titles | null; // the sentence for the citizen, if the case cannot go on as it is
}

export interface CaseView {
  case_id: string;
  stand_id: string;
  service: string;
  edition: Edition;
  language: Language;
  form: Form;
  identified: IdentificationLevel | "";
  papers: Record<string, SeenDocument>;
  paid: PaidFee | null;
  paper: IssuedDocument | null;
  handed_over: boolean;
  number: string;
  appointment_id: string;
  called: string; // how the citizen is called: appointment code or walk-in ticket
  case_seq: number; // number of entries so far; 0: a draft
  opened_at: number;
  office: ServerState | null;
  reviewed?: Record<string, string>; // by call: the answer that the citizen has confirmed, as JSON
}
