// The questions of a service: fields in their order, checked when they are left.
import { useMemo } from "preact/hooks";
import { checkFact } from "../../domain/facts/check.ts";
import { FactFault } from "../../domain/facts/fault.ts";
import type { StreetRegister } from "../../domain/facts/streets.ts";
import { isBlank } from "../../domain/facts/texts.ts";
import { checkFacts } from "../../domain/form_facts.ts";
import type { FormFact, JsonObject, JsonValue } from "../../model/facts.ts";
import type { Applicant } from "../../model/types.ts";
import { FactField } from "./fact_field.tsx";
import { FormContext, type FormContextValue } from "./form_context.tsx";
import { asObject } from "./object_value.ts";

export type Faults = ReadonlyMap<string, FactFault>;

const UNTIL_SENT = ["fact.missing", "person.single_name"]; // said when the form is sent: the rest may follow

/** `known`: the values of the case for conditions. `onFacts` and `onFaults` get an update of what is current. */
export function FactsSection(props: {
  facts: FormFact[];
  typed: JsonObject;
  known: JsonObject;
  applicant: Applicant;
  caseId: string;
  streets: StreetRegister | null;
  faults: Faults;
  saving: Set<Promise<unknown>>;
  proposalFor: (fact: FormFact) => JsonValue | undefined;
  onFacts: (update: (typed: JsonObject) => JsonObject) => void;
  onFaults: (update: (faults: Faults) => Faults) => void;
}) {
  const { facts, typed, known, streets } = props;
  const checked = useMemo(() => checkFacts(facts, typed, known, streets), [facts, typed, known, streets]);
  const context: FormContextValue = {
    faults: props.faults,
    caseId: props.caseId,
    streets,
    saving: props.saving,
    proposalFor: props.proposalFor,
    rowFacts: (fact, row) =>
      checkFacts(fact.facts ?? [], asObject(row), { ...known, ...checked.values }, streets).shown,
    firstRow: (fact) => firstRow(fact, typed, props.applicant),
  };

  /** Makes the value canonical if it is complete; else says what is wrong with the part that was left. */
  const leave = (path: string) =>
    props.onFacts((current) => {
      const result = checkedAt(facts, current, path, streets);
      props.onFaults((faults) => withFault(faults, path, result.fault));
      return result.typed;
    });
  return (
    <FormContext.Provider value={context}>
      {checked.shown.map((fact) => (
        <FactField
          key={fact.code}
          fact={fact}
          path={fact.code}
          value={typed[fact.code] ?? null}
          onChange={(update) =>
            props.onFacts((current) => ({ ...current, [fact.code]: update(current[fact.code] ?? null) }))
          }
          onLeave={leave}
        />
      ))}
    </FormContext.Provider>
  );
}

/** For the first row that is added: the applicant's family name, and answers of the same code. */
function firstRow(fact: FormFact, typed: JsonObject, applicant: Applicant): JsonObject {
  const name = applicant.family_name ?? "";
  const persons = (fact.facts ?? []).filter((part) => part.kind === "person");
  const row: JsonObject = { ...typed, family_name: name };
  for (const person of persons) {
    const same = Object.values(typed).find((value) => asObject(value)["nationality"] !== undefined);
    const nationality = asObject(same ?? null)["nationality"];
    row[person.code] = { family_name: name, ...(nationality !== undefined && { nationality }) };
  }
  return row;
}

function checkedAt(
  facts: readonly FormFact[],
  typed: JsonObject,
  path: string,
  streets: StreetRegister | null,
): { typed: JsonObject; fault?: { path: string; fault: FactFault } } {
  const [code = "", ...rest] = path.split(".");
  const fact = facts.find((candidate) => candidate.code === code);
  const value = typed[code] ?? null;
  if (!fact || isBlank(value)) return { typed };
  if (fact.kind === "group") {
    const [row = "", ...inner] = rest;
    const index = Number(row) - 1;
    if (!Array.isArray(value) || !inner.length) return { typed };
    const result = checkedAt(fact.facts ?? [], asObject(value[index] ?? null), inner.join("."), streets);
    const next = { ...typed, [code]: value.map((other, at) => (at === index ? result.typed : other)) };
    const { fault } = result;
    return fault ? { typed: next, fault: { ...fault, path: `${code}.${row}.${fault.path}` } } : { typed: next };
  }
  const canonical = checkFact(fact, value, streets);
  if (!(canonical instanceof FactFault)) return { typed: { ...typed, [code]: canonical } };
  const place = canonical.place ? `${code}.${canonical.place}` : code;
  const isAboutPart = place === path || place.startsWith(`${path}.`) || path.startsWith(`${place}.`);
  if (UNTIL_SENT.includes(canonical.code) || !isAboutPart) return { typed };
  return { typed, fault: { path: place, fault: canonical } };
}

/** Without the old faults of the part and of the values that hold it. */
function withFault(faults: Faults, path: string, fault: { path: string; fault: FactFault } | undefined): Faults {
  const kept = [...faults].filter(
    ([place]) => place !== path && !place.startsWith(`${path}.`) && !path.startsWith(`${place}.`),
  );
  return new Map(fault ? [...kept, [fault.path, fault.fault]] : kept);
}
