// The kinds of facts that are typed into one input: texts, numbers, dates, contacts, account and chip numbers.
import { isRequired } from "../../domain/facts/check.ts";
import { currentLanguage, localized, t } from "../../i18n/texts.ts";
import type { FormFactKind } from "../../model/facts.ts";
import { type FieldProps, idOf, useFault } from "./form_context.tsx";
import { TypedInput, type TypedInputProps } from "./typed_input.tsx";
import { typedText, withDots } from "./typed_text.ts";

const LONG_LINES = 4;

type Typing = Pick<TypedInputProps, "type" | "inputMode" | "capitals" | "unit" | "lines">;

const TYPING: Partial<Record<FormFactKind, Typing>> = {
  long_text: { lines: LONG_LINES },
  integer: { inputMode: "numeric" },
  decimal: { inputMode: "decimal" },
  money: { inputMode: "decimal", unit: "€" },
  date: { type: "date" },
  partial_date: { inputMode: "numeric" },
  telephone: { type: "tel", inputMode: "tel" },
  email: { type: "email", inputMode: "email" },
  iban: { capitals: "characters" },
  chip_number: { inputMode: "numeric" },
};

export function TextFact(props: FieldProps) {
  const { fact, path, value } = props;
  const help = fact.help
    ? localized(fact.help)
    : fact.kind === "partial_date"
      ? t("facts.partial_date_help")
      : undefined;
  return (
    <TypedInput
      id={idOf(path)}
      label={localized(fact.titles)}
      help={help}
      fault={useFault(path)}
      optional={!isRequired(fact)}
      required={isRequired(fact)}
      text={typedText(fact.kind, value, currentLanguage())}
      onText={(typed) => props.onChange(() => typed)}
      onLeave={() => {
        if (fact.kind === "partial_date")
          props.onChange((typed) => (typeof typed === "string" ? withDots(typed) : typed));
        props.onLeave(path);
      }}
      {...TYPING[fact.kind]}
    />
  );
}
