// A number plate: Austrian, shown in its form such as L-12345A, or foreign with its country.
import { useState } from "preact/hooks";
import { isRequired } from "../../domain/facts/check.ts";
import { AUSTRIA } from "../../domain/facts/countries.ts";
import { localized, t } from "../../i18n/texts.ts";
import { CountryField, OtherCountryButton } from "./country_field.tsx";
import { type FieldProps, idOf, useFault } from "./form_context.tsx";
import { textOf, withPart } from "./object_value.ts";
import { TypedInput } from "./typed_input.tsx";

const DEFAULTS = { country: AUSTRIA };

export function NumberPlateFact(props: FieldProps) {
  const { fact, path, value } = props;
  const country = value === null ? AUSTRIA : textOf(value, "country");
  const [isForeign, setForeign] = useState(false);
  const textFault = useFault(`${path}.text`);
  const ownFault = useFault(path); // of the whole value: nothing is typed yet
  const set = (key: string, part: string) => props.onChange((typed) => withPart(typed, key, part, DEFAULTS));
  return (
    <div class="field plate">
      <TypedInput
        id={idOf(path)}
        label={localized(fact.titles)}
        help={fact.help ? localized(fact.help) : country === AUSTRIA ? t("plate.help") : undefined}
        fault={textFault ?? ownFault}
        optional={!isRequired(fact)}
        required={isRequired(fact)}
        capitals="characters"
        text={textOf(value, "text")}
        onText={(text) => set("text", text)}
        onLeave={() => props.onLeave(`${path}.text`)}
      />
      {country === AUSTRIA && !isForeign ? (
        <OtherCountryButton label={t("plate.foreign")} onPress={() => setForeign(true)} />
      ) : (
        <CountryField
          path={`${path}.country`}
          label={t("plate.country")}
          value={country}
          onValue={(code) => set("country", code)}
          onLeave={() => props.onLeave(`${path}.country`)}
        />
      )}
    </div>
  );
}
