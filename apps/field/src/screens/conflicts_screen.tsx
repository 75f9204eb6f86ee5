// Shows both values of a field that two devices changed; the clerk decides.
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/texts.ts";
import type { JsonValue } from "../model/facts.ts";
import type { Session } from "../session/session.ts";
import { type Conflict, decideConflict, fetchConflicts } from "../sync/conflicts.ts";
import { ActionButton, errorText, Notice, Page } from "./components.tsx";

export function ConflictsScreen(props: { session: Session }) {
  const [conflicts, setConflicts] = useState<Conflict[]>();
  const [errorMessage, setErrorMessage] = useState("");
  const load = () =>
    fetchConflicts(props.session).then(setConflicts, (error: unknown) => setErrorMessage(errorText(error)));
  useEffect(() => void load(), []);
  const decide = async (conflict: Conflict, side: "here" | "theirs") => {
    await decideConflict(props.session, conflict, side);
    await load();
  };
  return (
    <Page title={t("conflicts.title")} back="#/outbox">
      <p>{t("conflicts.intro")}</p>
      {errorMessage && <Notice tone="bad">{errorMessage}</Notice>}
      {conflicts?.length === 0 && <Notice tone="good">{t("conflicts.none")}</Notice>}
      {conflicts?.map((conflict) => (
        <section key={conflict.conflict_id} class="conflict">
          <h2>{fieldName(conflict.name)}</h2>
          <p class="quiet">{t("conflicts.base", { value: displayValue(conflict.base) })}</p>
          <div class="two">
            <div>
              <h3>{t("conflicts.here")}</h3>
              <p class="value">{displayValue(conflict.here)}</p>
              <ActionButton label={t("conflicts.take_here")} action={() => decide(conflict, "here")} />
            </div>
            <div>
              <h3>{t("conflicts.theirs")}</h3>
              <p class="value">{displayValue(conflict.theirs)}</p>
              <ActionButton label={t("conflicts.take_theirs")} action={() => decide(conflict, "theirs")} />
            </div>
          </div>
        </section>
      ))}
    </Page>
  );
}

function fieldName(name: string): string {
  const key = `form.${name.split(".").at(-1)}`;
  const text = t(key);
  return text === key ? name : text;
}

/** Of an answer of several parts, the parts: the case may be of another device, whose form is not here. */
function displayValue(value: JsonValue): string {
  if (value === null) return t("conflicts.empty");
  if (Array.isArray(value)) return value.map(displayValue).join("; ");
  if (typeof value === "object") return Object.values(value).map(displayValue).join(", ");
  return typeof value === "boolean" ? t(value ? "yes" : "no") : String(value);
}
