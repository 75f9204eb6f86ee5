// Answers from a closed set: yes or no, one of few as buttons, one of many by search, several of them.
import { isRequired } from "../../domain/facts/check.ts";
import { spellings } from "../../domain/facts/streets.ts";
import { localized, t } from "../../i18n/texts.ts";
import type { FormFact } from "../../model/facts.ts";
import { describedBy, type FieldProps, HelpAndFault, idOf, Title, useFault } from "./form_context.tsx";
import { type Hit, SearchField } from "./search_field.tsx";

const FEW = 7; // more choices are searched
const MAX_HITS = 12;

interface Option {
  value: string;
  label: string;
}

export function YesNoFact(props: FieldProps) {
  const answer = typeof props.value === "boolean" ? (props.value ? "yes" : "no") : undefined;
  const options = ["yes", "no"].map((value) => ({ value, label: t(value) }));
  const choose = (chosen: string) => {
    props.onChange(() => chosen === "yes");
    props.onLeave(props.path);
  };
  return (
    <Options {...frameOf(props)} kind="radio" options={options} chosen={answer ? [answer] : []} onPress={choose} />
  );
}

export function ChoiceFact(props: FieldProps) {
  const options = optionsOf(props.fact);
  const choose = (chosen: string) => {
    props.onChange(() => chosen);
    props.onLeave(props.path);
  };
  const fault = useFault(props.path);
  if (options.length > FEW) return <SearchedChoice {...props} options={options} fault={fault} onChoose={choose} />;
  const chosen = typeof props.value === "string" ? [props.value] : [];
  return <Options {...frameOf(props)} kind="radio" options={options} chosen={chosen} onPress={choose} />;
}

export function SeveralFact(props: FieldProps) {
  const chosen = Array.isArray(props.value) ? props.value.map(String) : [];
  const toggle = (code: string) => {
    props.onChange((value) => {
      const codes = Array.isArray(value) ? value : [];
      return codes.includes(code) ? codes.filter((other) => other !== code) : [...codes, code];
    });
    props.onLeave(props.path);
  };
  return (
    <Options {...frameOf(props)} kind="checkbox" options={optionsOf(props.fact)} chosen={chosen} onPress={toggle} />
  );
}

function SearchedChoice(
  props: FieldProps & { options: Option[]; fault: string | undefined; onChoose: (code: string) => void },
) {
  const { fact, path, value, options } = props;
  const typed = typeof value === "string" ? value : "";
  const chosen = options.find((option) => option.value === typed);
  return (
    <SearchField
      id={idOf(path)}
      label={localized(fact.titles)}
      help={fact.help ? localized(fact.help) : t("facts.search_help")}
      fault={props.fault}
      optional={!isRequired(fact)}
      required={isRequired(fact)}
      text={chosen?.label ?? typed}
      search={(text) => searchOptions(options, text)}
      onText={(text) => props.onChange(() => text)}
      onChoose={(hit) => props.onChoose(hit.key)}
      onLeave={() => {
        const named = options.find((option) => plain(option.label) === plain(typed));
        if (named) props.onChange(() => named.value);
        props.onLeave(path);
      }}
    />
  );
}

function searchOptions(options: Option[], typed: string): Hit[] {
  const query = plain(typed);
  return options
    .filter((option) => !query || spellings(option.label).some((words) => fits(words, query)))
    .slice(0, MAX_HITS)
    .map((option) => ({ key: option.value, label: option.label }));
}

function fits(words: readonly string[], query: string): boolean {
  return words.join("").startsWith(query) || words.some((word) => word.startsWith(query));
}

const plain = (text: string): string => spellings(text)[0].join("");

const optionsOf = (fact: FormFact): Option[] =>
  Object.entries(fact.choices ?? {}).map(([value, titles]) => ({ value, label: localized(titles) }));

interface Frame {
  path: string;
  legend: string;
  help: string | undefined;
  optional: boolean;
}

function frameOf({ fact, path }: FieldProps): Frame {
  const help = fact.help ? localized(fact.help) : undefined;
  return { path, legend: localized(fact.titles), help, optional: !isRequired(fact) };
}

/** `kind` checkbox: any number of them. */
export function Options(
  props: Frame & {
    kind: "radio" | "checkbox";
    options: Option[];
    chosen: string[];
    onPress: (value: string) => void;
  },
) {
  const id = idOf(props.path);
  const fault = useFault(props.path);
  const isShort = props.options.length < 3 && props.options.every((option) => option.label.length < 16);
  const radioGroup = props.kind === "radio" && {
    role: "radiogroup" as const,
    ...(!props.optional && { "aria-required": true }),
    ...(fault && { "aria-invalid": true }),
  };
  return (
    <fieldset class="field" id={id} tabIndex={-1} aria-describedby={describedBy(id, props.help, fault)} {...radioGroup}>
      <legend>
        <Title text={props.legend} optional={props.optional} />
      </legend>
      <HelpAndFault id={id} help={props.help} />
      <div class={isShort ? "options short" : "options"}>
        {props.options.map((option) => (
          <label class="option" key={option.value}>
            <input
              type={props.kind}
              name={id}
              value={option.value}
              checked={props.chosen.includes(option.value)}
              onChange={() => props.onPress(option.value)}
            />
            <span>{option.label}</span>
          </label>
        ))}
      </div>
      <HelpAndFault id={id} fault={fault} />
    </fieldset>
  );
}
