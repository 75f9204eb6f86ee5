// A person with one or two names, and an identity document.
import { useState } from "preact/hooks";
import { isRequired } from "../../domain/facts/check.ts";
import { DOCUMENT_KINDS } from "../../domain/facts/tables.ts";
import { currentLanguage, localized, t } from "../../i18n/texts.ts";
import type { JsonValue } from "../../model/facts.ts";
import { PartInput } from "./address_field.tsx";
import { Options } from "./choice_fields.tsx";
import { CountryField } from "./country_field.tsx";
import { describedBy, type FieldProps, HelpAndFault, idOf, Title, useFault } from "./form_context.tsx";
import { asObject, textOf, withPart } from "./object_value.ts";
import { typedText, withDots } from "./typed_text.ts";

export function PersonFact(props: FieldProps) {
  const { fact, path, value } = props;
  const id = idOf(path);
  const fault = useFault(path);
  const help = fact.help ? localized(fact.help) : t("person.names_help");
  const set = (key: string, part: JsonValue) => props.onChange((typed) => withPart(typed, key, part));
  const leave = (key: string) => props.onLeave(`${path}.${key}`);
  const documentValue = asObject(value)["document"] ?? null;
  const [withDocument, setWithDocument] = useState(false);
  return (
    <fieldset class="field parts" id={id} tabIndex={-1} aria-describedby={describedBy(id, help, fault)}>
      <legend>
        <Title text={localized(fact.titles)} optional={!isRequired(fact)} />
      </legend>
      <HelpAndFault id={id} help={help} />
      <div class="columns">
        <PartInput
          path={`${path}.family_name`}
          label={t("form.family_name")}
          capitals="words"
          text={textOf(value, "family_name")}
          onText={(text) => set("family_name", text)}
          onLeave={() => leave("family_name")}
        />
        <PartInput
          path={`${path}.given_name`}
          label={t("form.given_name")}
          capitals="words"
          text={textOf(value, "given_name")}
          onText={(text) => set("given_name", text)}
          onLeave={() => leave("given_name")}
        />
        <PartInput
          path={`${path}.birth`}
          label={t("person.birth")}
          help={t("person.birth_help")}
          inputMode="numeric"
          text={typedText("partial_date", textOf(value, "birth"), currentLanguage())}
          onText={(text) => set("birth", text)}
          onLeave={() => {
            props.onChange((typed) =>
              textOf(typed, "birth") ? withPart(typed, "birth", withDots(textOf(typed, "birth"))) : typed,
            );
            leave("birth");
          }}
        />
        <CountryField
          path={`${path}.nationality`}
          label={t("person.nationality")}
          help={t("person.nationality_help")}
          value={textOf(value, "nationality")}
          onValue={(code) => set("nationality", code)}
          onLeave={() => leave("nationality")}
          nationality
        />
      </div>
      {withDocument || documentValue !== null ? (
        <DocumentParts
          path={`${path}.document`}
          title={t("person.document")}
          optional
          value={documentValue}
          onChange={(update) =>
            props.onChange((typed) => withPart(typed, "document", update(asObject(typed)["document"] ?? null)))
          }
          onLeave={props.onLeave}
        />
      ) : (
        <button type="button" class="link" onClick={() => setWithDocument(true)}>
          {t("person.add_document")}
        </button>
      )}
      <HelpAndFault id={id} fault={fault} />
    </fieldset>
  );
}

export function IdentityDocumentFact(props: FieldProps) {
  const { fact } = props;
  return (
    <DocumentParts
      path={props.path}
      title={localized(fact.titles)}
      help={fact.help ? localized(fact.help) : undefined}
      optional={!isRequired(fact)}
      value={props.value}
      onChange={props.onChange}
      onLeave={props.onLeave}
    />
  );
}

function DocumentParts(props: {
  path: string;
  title: string;
  help?: string | undefined;
  optional: boolean;
  value: JsonValue;
  onChange: FieldProps["onChange"];
  onLeave: (path: string) => void;
}) {
  const { path, value } = props;
  const id = idOf(path);
  const fault = useFault(path);
  const set = (key: string, part: JsonValue) => props.onChange((typed) => withPart(typed, key, part));
  const leave = (key: string) => props.onLeave(`${path}.${key}`);
  return (
    <fieldset class="field parts" id={id} tabIndex={-1} aria-describedby={describedBy(id, props.help, fault)}>
      <legend>
        <Title text={props.title} optional={props.optional} />
      </legend>
      <HelpAndFault id={id} help={props.help} />
      <Options
        path={`${path}.kind`}
        legend={t("document.kind")}
        help={undefined}
        optional={false}
        kind="radio"
        options={DOCUMENT_KINDS.map((kind) => ({ value: kind, label: t(`document.${kind}`) }))}
        chosen={[textOf(value, "kind")]}
        onPress={(kind) => set("kind", kind)}
      />
      <div class="columns">
        <PartInput
          path={`${path}.number`}
          label={t("document.number")}
          capitals="characters"
          text={textOf(value, "number")}
          onText={(text) => set("number", text)}
          onLeave={() => leave("number")}
        />
        <CountryField
          path={`${path}.issued_by`}
          label={t("document.issued_by")}
          value={textOf(value, "issued_by")}
          onValue={(code) => set("issued_by", code)}
          onLeave={() => leave("issued_by")}
        />
        <PartInput
          path={`${path}.valid_until`}
          label={t("document.valid_until")}
          type="date"
          optional
          text={textOf(value, "valid_until")}
          onText={(text) => set("valid_until", text)}
          onLeave={() => leave("valid_until")}
        />
      </div>
      <HelpAndFault id={id} fault={fault} />
    </fieldset>
  );
}
