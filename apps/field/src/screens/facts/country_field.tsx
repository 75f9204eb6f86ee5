// A country or a nationality, searched by name.
import { isRequired } from "../../domain/facts/check.ts";
import { localized, t } from "../../i18n/texts.ts";
import type { JsonValue } from "../../model/facts.ts";
import { countryName, countryOf, searchCountries } from "./countries.ts";
import { type FieldProps, idOf, useFault } from "./form_context.tsx";
import { SearchField } from "./search_field.tsx";

export function CountryField(props: {
  path: string;
  label: string;
  value: JsonValue;
  onValue: (code: string) => void;
  onLeave: (path: string) => void;
  nationality?: boolean;
  help?: string | undefined;
  optional?: boolean;
}) {
  const typed = typeof props.value === "string" ? props.value : "";
  const withReasons = props.nationality ?? false;
  return (
    <SearchField
      id={idOf(props.path)}
      label={props.label}
      help={props.help}
      optional={props.optional ?? false}
      fault={useFault(props.path)}
      text={countryName(typed)}
      search={(text) => searchCountries(text, withReasons)}
      onText={props.onValue}
      onChoose={(hit) => props.onValue(hit.key)}
      onLeave={() => {
        const code = countryOf(typed, withReasons);
        if (code && code !== typed) props.onValue(code);
        props.onLeave(props.path);
      }}
    />
  );
}

/** The nationality of the applicant, as a question of its own. */
export function NationalityFact(props: FieldProps) {
  const { fact, path } = props;
  return (
    <CountryField
      path={path}
      label={localized(fact.titles)}
      help={fact.help ? localized(fact.help) : t("person.nationality_help")}
      value={props.value}
      onValue={(code) => props.onChange(() => code)}
      onLeave={props.onLeave}
      optional={!isRequired(fact)}
      nationality
    />
  );
}

/** The button that opens the search, beside the usual country. */
export function OtherCountryButton(props: { onPress: () => void; label?: string }) {
  return (
    <button type="button" class="link" onClick={props.onPress}>
      {props.label ?? t("facts.other_country")}
    </button>
  );
}
