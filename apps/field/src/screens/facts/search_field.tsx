// A search with a list of hits (combobox of WAI-ARIA 1.2): by keyboard with the arrows and Enter, or by touch.
import { useState } from "preact/hooks";
import { t } from "../../i18n/texts.ts";
import { describedBy, HelpAndFault, Title } from "./form_context.tsx";

export interface Hit {
  key: string;
  label: string;
  note?: string;
}

/** `text`: of the chosen hit. `onText`: typed and not chosen. `search`: best first; it may answer to an empty text. */
export function SearchField(props: {
  id: string;
  label: string;
  text: string;
  search: (typed: string) => Hit[];
  onText: (text: string) => void;
  onChoose: (hit: Hit) => void;
  onLeave: () => void;
  help?: string | undefined;
  fault?: string | undefined;
  optional?: boolean;
  required?: boolean;
}) {
  const [typing, setTyping] = useState<string | null>(null);
  const [isOpen, setIsOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const { id } = props;
  const hits = isOpen ? props.search(typing ?? "") : [];
  const close = () => {
    setIsOpen(false);
    setActive(-1);
  };
  const choose = (hit: Hit) => {
    setTyping(null);
    close();
    props.onChoose(hit);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setIsOpen(true);
      const count = hits.length || props.search(typing ?? "").length;
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (count) setActive((active + step + count + (active < 0 && step < 0 ? 1 : 0)) % count);
    } else if (event.key === "Enter" && hits.length && (typing || active >= 0)) {
      event.preventDefault();
      event.stopPropagation(); // it chooses a hit, and does not leave the field
      choose(hits[Math.max(active, 0)]!);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      close();
    }
  };
  return (
    <div class="field search">
      <label for={id}>
        <Title text={props.label} optional={props.optional ?? false} />
      </label>
      <HelpAndFault id={id} help={props.help} />
      <input
        id={id}
        name={id}
        role="combobox"
        type="text"
        autocomplete="off"
        spellcheck={false}
        enterKeyHint="next"
        aria-expanded={hits.length > 0}
        aria-controls={`${id}-hits`}
        aria-autocomplete="list"
        aria-activedescendant={active >= 0 && active < hits.length ? `${id}-hit-${active}` : undefined}
        aria-required={props.required ? "true" : undefined}
        aria-invalid={props.fault ? "true" : undefined}
        aria-describedby={describedBy(id, props.help, props.fault)}
        value={typing ?? props.text}
        onInput={(event) => {
          setTyping(event.currentTarget.value);
          setIsOpen(true);
          setActive(-1);
          props.onText(event.currentTarget.value);
        }}
        onFocus={(event) => {
          event.currentTarget.select();
          setIsOpen(!props.text); // an answer that stands is not covered by others
        }}
        onClick={() => setIsOpen(true)}
        onBlur={() => {
          setTyping(null);
          close();
          props.onLeave();
        }}
        onKeyDown={onKeyDown}
      />
      <div id={`${id}-hits`} role="listbox" aria-label={props.label} class="hits" hidden={!hits.length}>
        {hits.map((hit, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the input handles the keys, and keeps the focus
          <div
            key={hit.key}
            id={`${id}-hit-${index}`}
            role="option"
            tabIndex={-1}
            aria-selected={index === active}
            onMouseDown={(event) => event.preventDefault()} // the input keeps the focus
            onClick={() => choose(hit)}
          >
            {hit.label}
            {hit.note && <small>{hit.note}</small>}
          </div>
        ))}
      </div>
      <span class="unseen" role="status">
        {isOpen && typing ? t("facts.hits", { n: hits.length }) : ""}
      </span>
      <HelpAndFault id={id} fault={props.fault} />
    </div>
  );
}
