// Two devices changed the same field: both values side by side, and a person decides.
import { useEffect, useState } from "preact/hooks";
import type { Session } from "../device/session.ts";
import { type Conflict, decide, openConflicts } from "../sync/conflicts.ts";
import { t } from "../words/texts.ts";
import { Do, Notice, Page, sentence } from "./parts.tsx";

export function Conflicts(props: { session: Session }) {
  const [found, setFound] = useState<Conflict[]>();
  const [wrong, setWrong] = useState("");
  const load = () => openConflicts(props.session).then(setFound, (error: unknown) => setWrong(sentence(error)));
  useEffect(() => void load(), []);
  const take = async (conflict: Conflict, side: "here" | "theirs") => {
    await decide(props.session, conflict, side);
    await load();
  };
  return (
    <Page title={t("conflicts.title")} back="#/outbox">
      <p>{t("conflicts.intro")}</p>
      {wrong && <Notice mood="bad">{wrong}</Notice>}
      {found?.length === 0 && <Notice mood="good">{t("conflicts.none")}</Notice>}
      {found?.map((one) => (
        <section key={one.conflict_id} class="conflict">
          <h2>{fieldName(one.name)}</h2>
          <p class="quiet">{t("conflicts.base", { value: shown(one.base) })}</p>
          <div class="two">
            <div>
              <h3>{t("conflicts.here")}</h3>
              <p class="value">{shown(one.here)}</p>
              <Do label={t("conflicts.take_here")} does={() => take(one, "here")} />
            </div>
            <div>
              <h3>{t("conflicts.theirs")}</h3>
              <p class="value">{shown(one.theirs)}</p>
              <Do label={t("conflicts.take_theirs")} does={() => take(one, "theirs")} />
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

function shown(value: Conflict["base"]): string {
  if (value === null) return t("conflicts.empty");
  return typeof value === "boolean" ? t(value ? "yes" : "no") : String(value);
}
