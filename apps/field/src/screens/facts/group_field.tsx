// A group: numbered rows of answers, one more at a time. A removed row comes back with one press.
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { isRequired, rowBounds } from "../../domain/facts/check.ts";
import { localized, t } from "../../i18n/texts.ts";
import type { FormFact, JsonObject, JsonValue } from "../../model/facts.ts";
import { ActionButton } from "../components.tsx";
import { rowTitle } from "./answer_text.ts";
import { FactField } from "./fact_field.tsx";
import { describedBy, type FieldProps, HelpAndFault, idOf, Title, useFault, useForm } from "./form_context.tsx";
import { asObject } from "./object_value.ts";

const TAKEN_OVER = ["family_name", "nationality"]; // of a person, from the row before

export function GroupFact(props: FieldProps) {
  const { fact, path } = props;
  const form = useForm();
  const [removed, setRemoved] = useState<{ row: JsonValue; index: number }>();
  const [added, setAdded] = useState<number>();
  const undo = useRef<HTMLDivElement>(null);
  const keys = useRef<number[]>([]); // of the rows: a field keeps its state when a row before it goes
  const { fewest, most } = rowBounds(fact);
  const rows = rowsOf(props.value, fewest);
  while (keys.current.length < rows.length) keys.current.push(Math.max(-1, ...keys.current) + 1);
  const id = idOf(path);
  const fault = useFault(path);
  const help = fact.help ? localized(fact.help) : undefined;
  useLayoutEffect(() => {
    if (added !== undefined) focusFirst(document.getElementById(idOf(`${path}.${added + 1}`)));
  }, [added]);
  useLayoutEffect(() => {
    if (removed) undo.current?.querySelector("button")?.focus();
  }, [removed]);

  const change = (update: (rows: JsonValue[]) => JsonValue[]) =>
    props.onChange((value) => {
      const next = update(rowsOf(value, fewest));
      return next.length ? next : null;
    });
  const add = () => {
    change((before) => [...before, nextRow(fact, before.at(-1) ?? form.firstRow(fact))]);
    setRemoved(undefined);
    setAdded(rows.length);
  };
  const remove = (index: number) => {
    setAdded(undefined);
    setRemoved({ row: rows[index]!, index });
    keys.current.splice(index, 1);
    change((before) => before.filter((_, at) => at !== index));
  };
  const restore = () => {
    const { row, index } = removed!;
    keys.current.splice(index, 0, Math.max(-1, ...keys.current) + 1);
    change((before) => [...before.slice(0, index), row, ...before.slice(index)]);
    setRemoved(undefined);
  };
  return (
    <fieldset class="field group" id={id} tabIndex={-1} aria-describedby={describedBy(id, help, fault)}>
      <legend>
        <Title text={localized(fact.titles)} optional={!isRequired(fact)} />
      </legend>
      <HelpAndFault id={id} help={help} />
      {rows.map((row, index) => (
        <GroupRow
          key={keys.current[index]!}
          {...props}
          number={index + 1}
          row={row}
          onRow={(update) => change((before) => before.map((other, at) => (at === index ? update(other) : other)))}
          onRemove={rows.length > fewest || rows.length > 1 ? () => remove(index) : undefined}
        />
      ))}
      <div ref={undo}>
        {removed && (
          <p role="status">
            {t("group.removed", { n: removed.index + 1 })}{" "}
            <button type="button" class="link" onClick={restore}>
              {t("group.undo")}
            </button>
          </p>
        )}
      </div>
      <HelpAndFault id={id} fault={fault} />
      {rows.length < most && (
        <ActionButton label={rows.length ? t("group.more") : t("group.first")} testid={`${id}-add`} action={add} />
      )}
    </fieldset>
  );
}

function GroupRow(
  props: FieldProps & {
    number: number;
    row: JsonValue;
    onRow: FieldProps["onChange"];
    onRemove: (() => void) | undefined;
  },
) {
  const { fact, path, number, row } = props;
  const form = useForm();
  const rowPath = `${path}.${number}`;
  const fault = useFault(rowPath);
  const id = idOf(rowPath);
  return (
    <fieldset class="row-of-group" id={id} tabIndex={-1} aria-describedby={describedBy(id, false, fault)}>
      <legend>{rowTitle(fact, row, number)}</legend>
      <HelpAndFault id={id} fault={fault} />
      {form.rowFacts(fact, row).map((part) => (
        <FactField
          key={part.code}
          fact={part}
          path={`${rowPath}.${part.code}`}
          value={asObject(row)[part.code] ?? null}
          onChange={(update) =>
            props.onRow((before) => ({
              ...asObject(before),
              [part.code]: update(asObject(before)[part.code] ?? null),
            }))
          }
          onLeave={props.onLeave}
        />
      ))}
      {props.onRemove && (
        <button type="button" class="link danger" onClick={props.onRemove}>
          {t("group.remove", { title: rowTitle(fact, row, number) })}
        </button>
      )}
    </fieldset>
  );
}

/** At least the rows that are needed, so that the first one need not be added. */
function rowsOf(value: JsonValue, fewest: number): JsonValue[] {
  const rows = Array.isArray(value) ? value : [];
  return rows.length >= fewest ? rows : [...rows, ...Array.from({ length: fewest - rows.length }, () => ({}))];
}

/** What a family shares: family name, nationality, address. */
export function nextRow(fact: FormFact, before: JsonValue): JsonValue {
  const row: JsonObject = {};
  for (const part of fact.facts ?? []) {
    const value = asObject(before)[part.code] ?? null;
    if (part.kind === "address" || TAKEN_OVER.includes(part.code)) row[part.code] = value;
    else if (part.kind === "person") {
      const shared = Object.entries(asObject(value)).filter(([key]) => TAKEN_OVER.includes(key));
      row[part.code] = shared.length ? Object.fromEntries(shared) : null;
    }
  }
  return row;
}

/** The first input that is still empty. */
function focusFirst(row: HTMLElement | null): void {
  const inputs = [...(row?.querySelectorAll<HTMLInputElement>("input, textarea") ?? [])];
  (inputs.find((input) => !input.value) ?? inputs[0])?.focus();
}
