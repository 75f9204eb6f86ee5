// What a case is on the device, and what the bundle says of services. Words as in the catalogue of the office.
export type Language = "de" | "en";
export type Titles = Record<Language, string>;

export type Condition =
  | { fact: string; equals: boolean | number | string }
  | { fact: string; at_least?: number | null; below?: number | null }
  | { all: Condition[] }
  | { any: Condition[] }
  | { not_: Condition };

export type FactValue = boolean | number | string;

export interface Fact {
  code: string;
  kind: "choice" | "number" | "yes_no" | "date";
  titles: Titles;
  help?: Titles | null;
  choices: Record<string, Titles>;
}

export interface Paper {
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

export type Step = "identify" | "papers" | "register" | "fee" | "issue" | "hand_over";
export type Level = "none" | "known" | "photo_id" | "photo_id_and_second_proof" | "eid_high" | "representative";

export interface Edition {
  valid_from: string;
  ending: string;
  titles: Titles;
  identification: Level;
  facts: Fact[];
  steps: Step[];
  papers: Paper[];
  calls: { register_name: string }[];
  fees: Fee[];
  outputs: { template: string; titles: Titles; valid: number | null }[];
  obligations: { code: string; titles: Titles; reminder: Titles }[];
  notice_consent: boolean;
}

export interface Offered {
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

export interface Seen {
  handling: Paper["handling"];
  attachment_id?: string;
}

export interface Paid {
  cents: number;
  payment: "cash" | "card" | "waived";
  receipt: string;
  lines: { titles: Titles; cents: number }[];
  at: number;
}

/** A paper given at the stand. `printed`: what stands on it, by field, in the order it is shown. */
export interface GivenPaper {
  document_id: string;
  number: string;
  stamp: string;
  at: number;
  printed: Record<string, string>;
}

export interface OfficeView {
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
  identified: Level | "";
  papers: Record<string, Seen>;
  paid: Paid | null;
  paper: GivenPaper | null;
  handed_over: boolean;
  number: string;
  appointment_id: string;
  called: string; // how the citizen was called: a code, or a ticket of the walk-in queue
  case_seq: number; // 0: a draft, nothing of it is written down for the office yet
  opened_at: number;
  office: OfficeView | null;
}
