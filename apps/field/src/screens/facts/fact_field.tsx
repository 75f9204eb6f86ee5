// One question of a form: the field of its kind, and a proposal to take over.

import { checkFact } from "../../domain/facts/check.ts";
import { FactFault } from "../../domain/facts/fault.ts";
import { t } from "../../i18n/texts.ts";
import type { FormFact } from "../../model/facts.ts";
import { AddressFact } from "./address_field.tsx";
import { answerText } from "./answer_text.ts";
import { ChoiceFact, SeveralFact, YesNoFact } from "./choice_fields.tsx";
import { NationalityFact } from "./country_field.tsx";
import { type FieldProps, useForm } from "./form_context.tsx";
import { GroupFact } from "./group_field.tsx";
import { IdentityDocumentFact, PersonFact } from "./person_fields.tsx";
import { PhotoFact } from "./photo_field.tsx";
import { NumberPlateFact } from "./plate_field.tsx";
import { SignatureFact } from "./signature_field.tsx";
import { TextFact } from "./text_field.tsx";

export function FactField(props: FieldProps) {
  const { fact } = props;
  const Field = fieldOf(fact);
  const proposal = useForm().proposalFor(fact);
  const canonical = proposal === undefined ? undefined : checkFact(fact, proposal);
  const isOffered =
    canonical !== undefined &&
    !(canonical instanceof FactFault) &&
    JSON.stringify(canonical) !== JSON.stringify(props.value);
  return (
    <>
      <Field {...props} />
      {isOffered && (
        <button type="button" class="proposal" onClick={() => props.onChange(() => canonical)}>
          {t("facts.take_over", { value: answerText(fact, canonical) })}
        </button>
      )}
    </>
  );
}

function fieldOf(fact: FormFact): (props: FieldProps) => preact.JSX.Element {
  switch (fact.kind) {
    case "yes_no":
      return YesNoFact;
    case "choice":
      return ChoiceFact;
    case "several":
      return SeveralFact;
    case "address":
      return AddressFact;
    case "person":
      return PersonFact;
    case "nationality":
      return NationalityFact;
    case "identity_document":
      return IdentityDocumentFact;
    case "number_plate":
      return NumberPlateFact;
    case "photo":
      return PhotoFact;
    case "signature":
      return SignatureFact;
    case "group":
      return GroupFact;
    default:
      return TextFact;
  }
}
