// Validates the form before it is stored, so that errors appear beside the field and not as a refusal by the office.
import type { Applicant, Contact, Edition, Form } from "../model/types.ts";
import { isLatin } from "./facts/texts.ts";

export type FormErrors = Record<string, string>; // field → key of the error text

const MAX_NAME_LENGTH = 200;

/** E.164, with the Austrian country code as default; empty if the text is no phone number. */
export function parsePhone(typed: string): string {
  const digits = typed.replaceAll(/[\s()/.-]/g, "");
  const number = digits.startsWith("00")
    ? `+${digits.slice(2)}`
    : digits.startsWith("0")
      ? `+43${digits.slice(1)}`
      : digits;
  return /^\+[1-9][0-9]{6,14}$/.test(number) ? number : "";
}

/** Some services need nobody's name; then all of it may stay empty. */
function isAnonymous(form: Form, edition: Edition): boolean {
  const { given_name, family_name, birth_date, birth_year } = form.applicant;
  return edition.identification === "none" && !given_name?.trim() && !family_name?.trim() && !birth_date && !birth_year;
}

/** The applicant and the contact. Accepts the birth year alone, if day or month of birth are unknown. `today`: as
 * 2026-05-04. */
export function validateForm(form: Form, edition: Edition, today: string): FormErrors {
  const errors: FormErrors = {};
  const { given_name, family_name, birth_date, birth_year } = form.applicant;
  const anonymous = isAnonymous(form, edition);
  for (const [field, value] of [
    ["given_name", given_name],
    ["family_name", family_name],
  ] as const) {
    if (anonymous) break;
    if (!value?.trim()) errors[field] = "wrong.empty";
    else if (value.length > MAX_NAME_LENGTH) errors[field] = "wrong.long";
    else if (!isLatin(value)) errors[field] = "wrong.latin";
  }
  if (!birth_date && !birth_year && !anonymous) errors["birth_date"] = "wrong.born";
  if (birth_date && (birth_date > today || birth_date < "1850-01-01")) errors["birth_date"] = "wrong.day";
  if (birth_year && (birth_year < 1850 || birth_year > Number(today.slice(0, 4)))) errors["birth_year"] = "wrong.day";
  const { phone, email, consent } = form.contact;
  if (phone && !parsePhone(phone)) errors["phone"] = "wrong.phone";
  if (email && !/^[^\s@]+@[^\s@]+\.[^\s@.]{2,}$/.test(email)) errors["email"] = "wrong.email";
  if ((phone || email) && edition.notice_consent && !consent) errors["consent"] = "wrong.consent";
  return errors;
}

/** The form as the office accepts it: trimmed, without empty fields; its facts are canonical already. */
export function cleanForm(form: Form): Form {
  const { given_name, family_name, birth_date, birth_year } = form.applicant;
  const applicant: Applicant = {};
  if (given_name?.trim()) applicant.given_name = given_name.trim();
  if (family_name?.trim()) applicant.family_name = family_name.trim();
  if (birth_date) applicant.birth_date = birth_date;
  else if (birth_year) applicant.birth_year = birth_year;
  const { phone, email, consent } = form.contact;
  const contact: Contact = {};
  if (phone) contact.phone = parsePhone(phone);
  if (email) contact.email = email.trim();
  if (consent && (phone || email)) contact.consent = consent;
  return { applicant, contact, facts: form.facts };
}
