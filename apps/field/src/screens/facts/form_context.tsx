// What the fields of a form share: the faults by path, the case, the street register, proposals.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { FactFault } from "../../domain/facts/fault.ts";
import type { StreetRegister } from "../../domain/facts/streets.ts";
import { currentLanguage, t } from "../../i18n/texts.ts";
import type { FormFact, JsonValue } from "../../model/facts.ts";

export type Change = (update: (value: JsonValue) => JsonValue) => void;

/** `path`: such as family.2.person. `onLeave`: a part was left, at this path: what was typed is checked. */
export interface FieldProps {
  fact: FormFact;
  path: string;
  value: JsonValue;
  onChange: Change;
  onLeave: (path: string) => void;
}

/** `saving`: attachments that are being stored; the form waits for them. `isAsked`: whether the condition of a fact of
 * a row holds. */
export interface FormContextValue {
  faults: ReadonlyMap<string, FactFault>;
  caseId: string;
  streets: StreetRegister | null;
  saving: Set<Promise<unknown>>;
  proposalFor: (fact: FormFact) => JsonValue | undefined;
  rowFacts: (fact: FormFact, row: JsonValue) => FormFact[];
  firstRow: (fact: FormFact) => JsonValue;
}

export const FormContext = createContext<FormContextValue | null>(null);

export function useForm(): FormContextValue {
  return useContext(FormContext)!;
}

export const idOf = (path: string): string => `fact-${path.replaceAll(".", "-")}`;

/** The sentence about the value at this path. */
export function useFault(path: string): string | undefined {
  return useForm().faults.get(path)?.sentence(currentLanguage());
}

/** Ids of the help and the fault, for aria-describedby. */
export function describedBy(id: string, help: unknown, fault: unknown): string | undefined {
  return [help && `${id}-help`, fault && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
}

export function HelpAndFault(props: { id: string; help?: string | undefined; fault?: string | undefined }) {
  return (
    <>
      {props.help && (
        <p class="help" id={`${props.id}-help`}>
          {props.help}
        </p>
      )}
      {props.fault && (
        <p class="wrong" id={`${props.id}-wrong`}>
          {props.fault}
        </p>
      )}
    </>
  );
}

/** A title, and that the answer is not needed. Most answers are: these have no mark. */
export function Title(props: { text: string; optional?: boolean }) {
  return (
    <>
      {props.text}
      {props.optional && <small class="optional"> {t("facts.optional")}</small>}
    </>
  );
}
