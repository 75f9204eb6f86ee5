// The case as stored on the device, and the services of the bundle. Field names are those of the catalogue and of
// stored rows, so they cannot be renamed here alone.
export type Language = "de" | "en";
export type Titles = Record<Language, string>;

export type Condition =
  | { fact: string; equals: boolean | number | string }
  | { fact: string; at_least?: number | null; below?: number | null }
  | { all: Condition[] }
  | { any: Condition[] }
  | { not_: Condition };

export type FactValue = boolean | number | string;

export interface CatalogueFact {
  code: string;
  kind: "choice" | "number" | "yes_no" | "date";
  titles: Titles;
  help?: Titles | null;
  choices: Record<string, Titles>;
}

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
  competence?: { law: string };
  identification: IdentificationLevel;
  facts: CatalogueFact[];
  steps: CaseStep[];
  papers: RequiredDocument[];
  calls: { register_name: string }[];
  fees: Fee[];
  outputs: { template: string; titles: Titles; valid: number | null }[];
  obligations: { code: string; titles: Titles; reminder: Titles }[];
  notice_consent: boolean;
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

export interface Form {
  applicant: Applicant;
  contact: Contact;
  facts: Record<string, FactValue>;
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

export interface ServerState {
  state: string;
  version: number;
  reason: string;
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
}
