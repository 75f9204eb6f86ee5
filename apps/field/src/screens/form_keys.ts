// Moving through a form: Enter leads to the next field, a fault or a change to its field, and no tap misses.

let isPressed = false;

/** Returns the function that ends it. */
export function watchTaps(): () => void {
  const watched = { pointerdown: true, pointerup: false, pointercancel: false };
  const ends = Object.entries(watched).map(([event, pressed]) => {
    const listener = () => void (isPressed = pressed);
    addEventListener(event, listener, true);
    return () => removeEventListener(event, listener, true);
  });
  return () => {
    for (const end of ends) end();
  };
}

/** A tap beside a field leaves it. What then appears or goes would move the button under the finger, so it waits. */
export function afterTap(action: () => void): void {
  const later = () => void setTimeout(action);
  if (isPressed) addEventListener("pointerup", later, { once: true });
  else later();
}

const FIELDS = "input:not([type=file], [tabindex='-1']), textarea, [data-testid=form-done]";

/** On a tablet the key is "next": it saves the tap on the next field. After the last field it presses the button. */
export function moveOnEnter(event: KeyboardEvent): void {
  const field = event.target;
  if (event.key !== "Enter" || event.isComposing || !(field instanceof HTMLInputElement) || field.type === "file")
    return;
  event.preventDefault();
  const form = field.form;
  if (!form) return;
  const fields = [...form.querySelectorAll<HTMLElement>(FIELDS)].filter(
    (other) => other.offsetParent !== null && !isSameQuestion(field, other),
  );
  const next = fields.find((other) => field.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING);
  next?.focus();
}

function isSameQuestion(field: HTMLInputElement, other: HTMLElement): boolean {
  return other !== field && other instanceof HTMLInputElement && other.name !== "" && other.name === field.name;
}

/** `paths`: fields such as given_name, or facts such as facts.family.2.person.birth. The first on the page gets the
 * focus; of a field that is not shown, the value that holds it. */
export function focusField(paths: readonly string[]): void {
  const elements = paths.map(elementOf).filter((element) => element !== null);
  elements.sort((a, b) => (a.compareDocumentPosition(b) & Node.DOCUMENT_POSITION_FOLLOWING ? -1 : 1));
  const first = elements[0];
  if (!first) return;
  first.scrollIntoView({ block: "center" });
  const inner =
    first.matches("fieldset") && !first.querySelector("canvas") ? first.querySelector<HTMLElement>(FIELDS) : null;
  (inner ?? first).focus({ preventScroll: true });
}

function elementOf(path: string): HTMLElement | null {
  const parts = path.replace(/^facts\./, "fact.").split(".");
  for (; parts.length; parts.pop()) {
    const element = document.getElementById(parts.join("-"));
    if (element) return element;
  }
  return null;
}
