// Checks what was typed, before it is written down: what the office would refuse is said here, beside the field.
import type { Applicant, Contact, Edition, Form } from "./types.ts";

export type Wrong = Record<string, string>; // field → key of the sentence

const NAME_MOST = 200;
const BETWEEN = " '’ʼ-‐.,/()`´·";

/** Latin letters with their marks, as registers and papers take them (DIN 91379). */
export function isLatin(name: string): boolean {
  return Array.from(name.normalize("NFC")).every(
    (sign) => BETWEEN.includes(sign) || /^(?:\p{Script=Latin}|\p{Mn})$/u.test(sign),
  );
}

/** E.164, with Austria's code where none was typed; empty for what is no number. */
export function phoneOf(typed: string): string {
  const plain = typed.replaceAll(/[\s()/.-]/g, "");
  const whole = plain.startsWith("00") ? `+${plain.slice(2)}` : plain.startsWith("0") ? `+43${plain.slice(1)}` : plain;
  return /^\+[1-9][0-9]{6,14}$/.test(whole) ? whole : "";
}

/** `year` alone where day or month of birth is not known: never an invented day. */
export function wrongIn(form: Form, edition: Edition, today: string): Wrong {
  const wrong: Wrong = {};
  const { given_name, family_name, birth_date, birth_year } = form.applicant;
  for (const [field, value] of [
    ["given_name", given_name],
    ["family_name", family_name],
  ] as const) {
    if (!value?.trim()) wrong[field] = "wrong.empty";
    else if (value.length > NAME_MOST) wrong[field] = "wrong.long";
    else if (!isLatin(value)) wrong[field] = "wrong.latin";
  }
  if (!birth_date && !birth_year) wrong["birth_date"] = "wrong.born";
  if (birth_date && (birth_date > today || birth_date < "1850-01-01")) wrong["birth_date"] = "wrong.day";
  if (birth_year && (birth_year < 1850 || birth_year > Number(today.slice(0, 4)))) wrong["birth_year"] = "wrong.day";
  const { phone, email, consent } = form.contact;
  if (phone && !phoneOf(phone)) wrong["phone"] = "wrong.phone";
  if (email && !/^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$/.test(email)) wrong["email"] = "wrong.email";
  if ((phone || email) && edition.notice_consent && !consent) wrong["consent"] = "wrong.consent";
  for (const fact of edition.facts) {
    if (form.facts[fact.code] === undefined || form.facts[fact.code] === "")
      wrong[`facts.${fact.code}`] = "wrong.answer";
  }
  return wrong;
}

/** As the office takes it: trimmed, without what is empty. */
export function cleaned(form: Form): Form {
  const { given_name, family_name, birth_date, birth_year } = form.applicant;
  const applicant: Applicant = { given_name: given_name?.trim() ?? "", family_name: family_name?.trim() ?? "" };
  if (birth_date) applicant.birth_date = birth_date;
  else if (birth_year) applicant.birth_year = birth_year;
  const { phone, email, consent } = form.contact;
  const contact: Contact = {};
  if (phone) contact.phone = phoneOf(phone);
  if (email) contact.email = email.trim();
  if (consent && (phone || email)) contact.consent = consent;
  return { applicant, contact, facts: form.facts };
}
