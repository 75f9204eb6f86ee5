// An input that shows what is typed, and the canonical value in the form that people read once it is left.
import { useState } from "preact/hooks";
import { describedBy, HelpAndFault, Title } from "./form_context.tsx";

export interface TypedInputProps {
  id: string;
  label: string;
  text: string;
  onText: (text: string) => void;
  onLeave: () => void;
  help?: string | undefined;
  fault?: string | undefined;
  optional?: boolean;
  required?: boolean;
  type?: "text" | "tel" | "email" | "date";
  inputMode?: "text" | "numeric" | "decimal" | "tel" | "email";
  capitals?: "characters" | "words" | "off";
  unit?: string;
  lines?: number;
  small?: boolean;
}

export function TypedInput(props: TypedInputProps) {
  const [typing, setTyping] = useState<string | null>(null);
  const { id } = props;
  const common = {
    id,
    name: id,
    value: typing ?? props.text,
    autocomplete: "off",
    "aria-required": props.required ? ("true" as const) : undefined,
    "aria-invalid": props.fault ? ("true" as const) : undefined,
    "aria-describedby": describedBy(id, props.help, props.fault),
    onInput: (event: { currentTarget: { value: string } }) => {
      setTyping(event.currentTarget.value);
      props.onText(event.currentTarget.value);
    },
    onBlur: () => {
      setTyping(null);
      props.onLeave();
    },
  };
  return (
    <div class={props.small ? "field small" : "field"}>
      <label for={id}>
        <Title text={props.label} optional={props.optional ?? false} />
      </label>
      <HelpAndFault id={id} help={props.help} />
      <span class={props.unit ? "with-unit" : undefined}>
        {props.lines ? (
          <textarea {...common} rows={props.lines} />
        ) : (
          <input
            {...common}
            type={(props.type ?? "text") as "text"}
            inputMode={props.inputMode ?? "text"}
            autocapitalize={props.capitals ?? "off"}
            spellcheck={false}
            enterKeyHint="next"
          />
        )}
        {props.unit && <span aria-hidden="true">{props.unit}</span>}
      </span>
      <HelpAndFault id={id} fault={props.fault} />
    </div>
  );
}
