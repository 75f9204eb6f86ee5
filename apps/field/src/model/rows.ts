// The rows of the device's database. Their fields are stored on devices, so a new name needs an upgrade step.

/** "replaced": the entry was refused, and a clerk has sent a correction or dismissed it. */
export type EntryState = "device" | "sent" | "accepted" | "held" | "conflict" | "refused" | "replaced";
export type Series = "GZ" | "BE" | "UK";

export interface EntryRow {
  entry_id: string;
  case_id: string;
  stand_id: string;
  device_seq: number;
  case_seq: number;
  type: string;
  state: EntryState;
  code: string; // the reason for a refusal or for holding the entry
  hint: string;
  written_at: number; // ms, office time
  bytes: number; // size of `sealed`
  sealed: Uint8Array<ArrayBuffer>; // the entry exactly as it is sent
}

/** "draft": of a form that is not sent yet; it is sent with the form, or deleted. */
export interface FileRow {
  attachment_id: string;
  case_id: string;
  state: "draft" | "device" | "sent" | "accepted" | "refused";
  code: string;
  hint: string;
  length: number;
  sent: number; // bytes that the office has confirmed
  written_at: number;
  sealed: Uint8Array<ArrayBuffer>; // metadata: kind, length, hash
}

export interface PieceRow {
  attachment_id: string;
  place: number;
  sealed: Uint8Array<ArrayBuffer>;
}

export interface CaseRow {
  case_id: string;
  stand_id: string;
  touched_at: number;
  sealed: Uint8Array<ArrayBuffer>;
}

export interface BlockRow {
  block_id: string;
  series: Series;
  numbers: string[];
  places: number[];
  taken: number; // count of used `numbers`
  lease: string;
  returned: boolean;
}

export interface TillRow {
  till_id: string;
  stand_id: string;
  float_cents: number;
  opened_at: number;
  told: boolean; // the office has confirmed that the till is open
  cash_cents: number;
  card_cents: number;
  waived: number;
  receipts: number;
  counted_cents: number | null;
  note: string;
  closed: boolean; // the office has confirmed it
}

export interface ReportRow {
  id?: number;
  kind: "error" | "sync" | "storage" | "start";
  code: string;
  at: string;
  number: number | null;
  where: string;
}
