// An address. In the municipality of the authority the street is searched in its register; the hit brings the postal
// code. A street that is not in it needs a reason.
import { useState } from "preact/hooks";
import { isRequired } from "../../domain/facts/check.ts";
import { AUSTRIA } from "../../domain/facts/countries.ts";
import { localized, t } from "../../i18n/texts.ts";
import type { JsonObject } from "../../model/facts.ts";
import { CountryField, OtherCountryButton } from "./country_field.tsx";
import { describedBy, type FieldProps, HelpAndFault, idOf, Title, useFault, useForm } from "./form_context.tsx";
import { textOf, withPart } from "./object_value.ts";
import { type Hit, SearchField } from "./search_field.tsx";
import { TypedInput, type TypedInputProps } from "./typed_input.tsx";

const STREET_HITS = 8;

export function AddressFact(props: FieldProps) {
  const { fact, path, value } = props;
  const { streets } = useForm();
  const [isForeign, setForeign] = useState(false);
  const defaults: JsonObject = { country: AUSTRIA, ...(streets && { municipality: streets.municipality }) };
  const part = (key: string) => textOf(value === null ? defaults : value, key);
  const set = (parts: Record<string, string | null>) =>
    props.onChange((typed) =>
      Object.entries(parts).reduce((whole, [key, text]) => withPart(whole, key, text, defaults), typed),
    );
  const leave = (key: string) => props.onLeave(`${path}.${key}`);
  const id = idOf(path);
  const fault = useFault(path);
  const help = fact.help ? localized(fact.help) : undefined;
  const isAustrian = part("country") === AUSTRIA;
  const isCovered = streets?.covers(part("country"), part("municipality")) ?? false;
  const text = (key: string, extra: Partial<TypedInputProps> = {}) => (
    <PartInput
      path={`${path}.${key}`}
      text={part(key)}
      onText={(typed) => set({ [key]: typed })}
      onLeave={() => leave(key)}
      {...extra}
      label={extra.label ?? t(`address.${key}`)}
    />
  );
  return (
    <fieldset class="field parts" id={id} tabIndex={-1} aria-describedby={describedBy(id, help, fault)}>
      <legend>
        <Title text={localized(fact.titles)} optional={!isRequired(fact)} />
      </legend>
      <HelpAndFault id={id} help={help} />
      {isCovered && streets ? (
        <StreetSearch
          path={path}
          street={part("street")}
          reason={part("unlisted_reason")}
          search={(typed) =>
            streets
              .search(typed)
              .slice(0, STREET_HITS)
              .map((hit) => ({
                key: `${hit.street}|${hit.postal_code}`,
                label: hit.street,
                note: `${hit.postal_code} ${streets.municipality}`,
              }))
          }
          onStreet={(street) => set({ street })}
          onHit={(street, postal_code) => set({ street, postal_code, unlisted_reason: null })}
          onReason={(reason) => set({ unlisted_reason: reason })}
          onLeave={leave}
        />
      ) : (
        text("street")
      )}
      <div class="columns three">
        {text("number", { small: true })}
        {text("stair", { small: true })}
        {text("door", { small: true })}
      </div>
      <div class="columns">
        {text("postal_code", { small: true, inputMode: isAustrian ? "numeric" : "text" })}
        {text("municipality")}
      </div>
      {isAustrian && !isForeign ? (
        <p class="country">
          {t("facts.austria")} <OtherCountryButton onPress={() => setForeign(true)} />
        </p>
      ) : (
        <CountryField
          path={`${path}.country`}
          label={t("address.country")}
          value={part("country")}
          onValue={(country) => set({ country })}
          onLeave={() => leave("country")}
        />
      )}
      <HelpAndFault id={id} fault={fault} />
    </fieldset>
  );
}

/** An input for a part of a value, with the fault at its path. */
export function PartInput(props: Omit<TypedInputProps, "id" | "fault"> & { path: string }) {
  const { path, ...rest } = props;
  return <TypedInput {...rest} id={idOf(path)} fault={useFault(path)} />;
}

function StreetSearch(props: {
  path: string;
  street: string;
  reason: string;
  search: (typed: string) => Hit[];
  onStreet: (street: string) => void;
  onHit: (street: string, postalCode: string) => void;
  onReason: (reason: string) => void;
  onLeave: (key: string) => void;
}) {
  const [isUnlisted, setUnlisted] = useState(false);
  const path = `${props.path}.street`;
  const reasonPath = `${props.path}.unlisted_reason`;
  return (
    <>
      <SearchField
        id={idOf(path)}
        label={t("address.street")}
        fault={useFault(path)}
        text={props.street}
        search={props.search}
        onText={props.onStreet}
        onChoose={(hit) => {
          const [street = "", postalCode = ""] = hit.key.split("|");
          props.onHit(street, postalCode);
        }}
        onLeave={() => props.onLeave("street")}
      />
      {isUnlisted || props.reason ? (
        <PartInput
          path={reasonPath}
          label={t("address.unlisted_reason")}
          help={t("address.unlisted_help")}
          text={props.reason}
          onText={props.onReason}
          onLeave={() => props.onLeave("unlisted_reason")}
        />
      ) : (
        <button type="button" class="link" onClick={() => setUnlisted(true)}>
          {t("address.unlisted")}
        </button>
      )}
    </>
  );
}
