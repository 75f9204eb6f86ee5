// The stand's home: who is next, who is expected, what is begun.
import { useState } from "preact/hooks";
import type { Session } from "../device/session.ts";
import type { Bundle } from "../stand/bundle.ts";
import { begin, stageOf } from "../stand/desk.ts";
import { type Guest, guests, setState, walkIn } from "../stand/queue.ts";
import type { CaseView, Language, Offered } from "../stand/types.ts";
import { casesOf, keepCase } from "../store/outbox.ts";
import { said, spoken, t, time } from "../words/texts.ts";
import { Choice, Do, Notice, Page, useLive } from "./parts.tsx";

export function Queue(props: { session: Session; bundle: Bundle }) {
  const look = () => Promise.all([guests(props.bundle), casesOf(props.session.stand.stand_id)]);
  const seen = useLive(look, props.bundle, props.session.token);
  if (!seen) return null; // an empty list would be a claim
  const [all, cases] = seen;
  const here = all.filter((one) => one.state === "here");
  const expected = all.filter((one) => one.state === "expected");
  const open = cases.filter((one) => !one.handed_over);
  return (
    <Page title={t("queue.title", { place: props.session.stand.place })}>
      <div class="row">
        {here[0] && (
          <a class="button main" href={`#/new/${here[0].id}`} data-testid="next">
            {t("queue.next", { who: here[0].called })}
          </a>
        )}
        <Do
          kind={here[0] ? "plain" : "main"}
          testid="walk-in"
          label={t("queue.walk_in")}
          does={async () => {
            const guest = await walkIn(props.bundle);
            location.hash = `#/new/${guest.id}`;
          }}
        />
      </div>
      {open.length > 0 && (
        <section>
          <h2>{t("queue.open", { n: open.length })}</h2>
          <ul class="list">
            {open.slice(0, 50).map((one) => (
              <li key={one.case_id}>
                <a href={`#/case/${one.case_id}`}>
                  <b>{one.called}</b> {one.form.applicant.family_name ?? ""} · {said(one.edition.titles)}
                  <small>{t(`stage.${stageOf(one)}`)}</small>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>{t("queue.here", { n: here.length })}</h2>
        {here.length === 0 && <p class="quiet">{t("queue.nobody_here")}</p>}
        <People bundle={props.bundle} guests={here} />
      </section>
      <section>
        <h2>{t("queue.expected", { n: expected.length })}</h2>
        {expected.length === 0 && <p class="quiet">{t("queue.nobody_expected")}</p>}
        <People bundle={props.bundle} guests={expected} />
      </section>
      <p class="quiet">{t("queue.served", { n: cases.filter((one) => one.handed_over).length })}</p>
    </Page>
  );
}

function People(props: { bundle: Bundle; guests: Guest[] }) {
  return (
    <ul class="list">
      {props.guests.map((one) => (
        <li key={one.id} class="row">
          <span>
            <b>{one.called}</b> {time(one.at)} {titleOf(props.bundle, one.service)}
          </span>
          {one.state === "expected" ? (
            <Do label={t("queue.is_here")} does={() => setState(props.bundle, one.id, "here")} />
          ) : (
            <>
              <a class="button" href={`#/new/${one.id}`}>
                {t("queue.begin")}
              </a>
              <Do label={t("queue.away")} does={() => setState(props.bundle, one.id, "away")} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function titleOf(found: Bundle, service: string): string {
  const offered = found.services.find((one) => one.service === service);
  return offered ? said(offered.edition.titles) : "";
}

/** Which service, and in which language the paper and the messages are. */
export function NewCase(props: { session: Session; bundle: Bundle; guestId: string }) {
  const guest = useLive(
    async () => (await guests(props.bundle)).find((one) => one.id === props.guestId) ?? null,
    props.guestId,
  );
  const [language, setLanguage] = useState<Language>(spoken());
  const [chosen, choose] = useState<string>();
  const services = props.bundle.services;
  const service = chosen ?? (guest?.service || undefined);
  const start = async (offered: Offered) => {
    const id = guest?.walkIn === false ? guest.id : "";
    const view: CaseView = begin(offered, props.session.stand.stand_id, language, guest?.called ?? props.guestId, id);
    await keepCase(view);
    await setState(props.bundle, props.guestId, "served");
    location.hash = `#/case/${view.case_id}`;
  };
  return (
    <Page title={t("new.title", { who: guest?.called ?? props.guestId })} back="#/queue">
      {services.length === 0 && <Notice mood="doubt">{t("new.none")}</Notice>}
      <Choice
        id="service"
        legend={t("new.service")}
        value={service}
        onChoose={choose}
        options={services.map((one) => ({ value: one.service, label: said(one.edition.titles) }))}
      />
      <Choice
        id="language"
        legend={t("new.language")}
        help={t("new.language_help")}
        value={language}
        onChoose={setLanguage}
        options={[
          { value: "de", label: "Deutsch" },
          { value: "en", label: "English" },
        ]}
      />
      <Do
        kind="main"
        testid="start"
        label={t("next")}
        disabled={!service}
        does={() => start(services.find((one) => one.service === service)!)}
      />
    </Page>
  );
}
