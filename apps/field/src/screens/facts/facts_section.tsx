// The questions of a service: fields in their order, checked when they are left.
import { useMemo } from "preact/hooks";
import { checkFact } from "../../domain/facts/check.ts";
import { FactFault } from "../../domain/facts/fault.ts";
import type { StreetRegister } from "../../domain/facts/streets.ts";
import { checkFacts } from "../../domain/form_facts.ts";
import type { FormFact, JsonObject, JsonValue } from "../../model/facts.ts";
import type { Applicant } from "../../model/types.ts";
import { afterTap } from "../form_keys.ts";
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
    firstRow: (fact) => firstRow(fact, facts, typed, props.applicant),
  };

  /** Makes the value canonical if it is complete; else says what is wrong with the part that was left. */
  const leave = (path: string) =>
    afterTap(() =>
      props.onFacts((current) => {
        const result = checkedAt(facts, current, path, streets);
        props.onFaults((faults) => withFault(faults, result));
        return result.typed;
      }),
    );
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

/** For the first row that is added: the applicant's family name and nationality, and answers of the same code. */
function firstRow(fact: FormFact, facts: readonly FormFact[], typed: JsonObject, applicant: Applicant): JsonObject {
  const name = applicant.family_name ?? "";
  const persons = (fact.facts ?? []).filter((part) => part.kind === "person");
  const row: JsonObject = { ...typed, family_name: name };
  for (const person of persons) {
    const own = facts.find((other) => other.kind === "nationality");
    const same = Object.values(typed).find((value) => asObject(value)["nationality"] !== undefined);
    const nationality = (own && typed[own.code]) ?? asObject(same ?? null)["nationality"];
    row[person.code] = { family_name: name, ...(nationality !== undefined && { nationality }) };
  }
  return row;
}

/** `scope`: the path below which older faults are out of date. `fault`: what is wrong there. */
interface CheckedPart {
  typed: JsonObject;
  scope: string;
  fault?: { path: string; fault: FactFault };
}

function checkedAt(
  facts: readonly FormFact[],
  typed: JsonObject,
  path: string,
  streets: StreetRegister | null,
): CheckedPart {
  const [code = "", row = "", ...inner] = path.split(".");
  const fact = facts.find((candidate) => candidate.code === code);
  const value = typed[code] ?? null;
  if (!fact) return { typed, scope: path };
  if (fact.kind === "group") {
    const index = Number(row) - 1;
    if (!Array.isArray(value) || !inner.length) return { typed, scope: path };
    const result = checkedAt(fact.facts ?? [], asObject(value[index] ?? null), inner.join("."), streets);
    const at = (place: string) => `${code}.${row}.${place}`;
    const { fault } = result;
    return {
      typed: { ...typed, [code]: value.map((other, place) => (place === index ? result.typed : other)) },
      scope: at(result.scope),
      ...(fault && { fault: { ...fault, path: at(fault.path) } }),
    };
  }
  const canonical = checkFact(fact, value, streets);
  if (!(canonical instanceof FactFault)) return { typed: { ...typed, [code]: canonical }, scope: code };
  const place = canonical.place ? `${code}.${canonical.place}` : code;
  return { typed, scope: path, fault: { path: place, fault: canonical } };
}

/** Without the old faults of the scope and of the values that hold it. A new fault is said only at the part that was
 * left, and what is missing only after the form was sent. */
function withFault(faults: Faults, { scope, fault }: CheckedPart): Faults {
  const isRelated = (place: string) =>
    place === scope || place.startsWith(`${scope}.`) || scope.startsWith(`${place}.`);
  const kept = [...faults].filter(([place]) => !isRelated(place));
  if (!fault || !isRelated(fault.path)) return new Map(kept);
  const isSaid = faults.get(fault.path)?.code === fault.fault.code;
  return new Map(UNTIL_SENT.includes(fault.fault.code) && !isSaid ? kept : [...kept, [fault.path, fault.fault]]);
}
