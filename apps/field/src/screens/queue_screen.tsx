// The home screen at a stand: the next visitor, the expected visitors and the open cases.
import { useState } from "preact/hooks";
import type { Bundle, BundleAppointment } from "../domain/bundle.ts";
import { currentStage, newCase } from "../domain/case_actions.ts";
import { formFacts } from "../domain/form_facts.ts";
import { answersOfAppointment } from "../domain/prefill.ts";
import { addWalkIn, loadVisitors, setVisitorState, type Visitor } from "../domain/queue.ts";
import { currentLanguage, formatTime, localized, t } from "../i18n/texts.ts";
import type { Language, OfferedService, Titles } from "../model/types.ts";
import type { Session } from "../session/session.ts";
import { loadCases, saveCaseView } from "../store/outbox.ts";
import { ActionButton, ChoiceField, Notice, Page, useLive } from "./components.tsx";

export function QueueScreen(props: { session: Session; bundle: Bundle }) {
  const load = () => Promise.all([loadVisitors(props.bundle), loadCases(props.session.stand.stand_id)]);
  const loaded = useLive(load, props.bundle, props.session.token);
  if (!loaded) return null; // not loaded yet: an empty list would say that nobody waits
  const [visitors, cases] = loaded;
  const present = visitors.filter((visitor) => visitor.state === "here");
  const expected = visitors.filter((visitor) => visitor.state === "expected");
  const open = cases.filter((view) => !view.handed_over);
  return (
    <Page title={t("queue.title", { place: props.session.stand.place })}>
      <div class="row">
        {present[0] && (
          <a class="button main" href={`#/new/${present[0].id}`} data-testid="next">
            {t("queue.next", { who: present[0].called })}
          </a>
        )}
        <ActionButton
          kind={present[0] ? "plain" : "main"}
          testid="walk-in"
          label={t("queue.walk_in")}
          action={async () => {
            const visitor = await addWalkIn(props.bundle);
            location.hash = `#/new/${visitor.id}`;
          }}
        />
      </div>
      {open.length > 0 && (
        <section>
          <h2>{t("queue.open", { n: open.length })}</h2>
          <ul class="list">
            {open.slice(0, 50).map((view) => (
              <li key={view.case_id}>
                <a href={`#/case/${view.case_id}`}>
                  <b>{view.called}</b> {view.form.applicant.family_name ?? ""} · {localized(view.edition.titles)}
                  <small>{t(`stage.${currentStage(view)}`)}</small>
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section>
        <h2>{t("queue.here", { n: present.length })}</h2>
        {present.length === 0 && <p class="quiet">{t("queue.nobody_here")}</p>}
        <VisitorList bundle={props.bundle} visitors={present} />
      </section>
      <section>
        <h2>{t("queue.expected", { n: expected.length })}</h2>
        {expected.length === 0 && <p class="quiet">{t("queue.nobody_expected")}</p>}
        <VisitorList bundle={props.bundle} visitors={expected} />
      </section>
      <p class="quiet">{t("queue.served", { n: cases.filter((view) => view.handed_over).length })}</p>
    </Page>
  );
}

function VisitorList(props: { bundle: Bundle; visitors: Visitor[] }) {
  return (
    <ul class="list">
      {props.visitors.map((visitor) => (
        <li key={visitor.id} class="row">
          <span>
            <b>{visitor.called}</b> {formatTime(visitor.at)} {titleOf(props.bundle, visitor.service)}
          </span>
          {visitor.state === "expected" ? (
            <ActionButton label={t("queue.is_here")} action={() => setVisitorState(props.bundle, visitor.id, "here")} />
          ) : (
            <>
              <a class="button" href={`#/new/${visitor.id}`}>
                {t("queue.begin")}
              </a>
              <ActionButton label={t("queue.away")} action={() => setVisitorState(props.bundle, visitor.id, "away")} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

function titleOf(bundle: Bundle, service: string): string {
  const offered = bundle.services.find((candidate) => candidate.service === service);
  return offered ? localized(offered.edition.titles) : "";
}

/** Chooses the language of the document and the messages, and with the next tap the service. */
export function NewCaseScreen(props: { session: Session; bundle: Bundle; visitorId: string }) {
  const visitor = useLive(
    async () => (await loadVisitors(props.bundle)).find((visitor) => visitor.id === props.visitorId) ?? null,
    props.visitorId,
  );
  const appointment = props.bundle.appointments.find((booked) => booked.appointment_id === props.visitorId);
  const [language, setLanguage] = useState<Language>(languageOfCase(appointment));
  const services = props.bundle.services;
  const booked = services.find((offered) => offered.service === visitor?.service);
  const [elsewhere, setElsewhere] = useState<Titles | null>(null);
  const start = async (offered: OfferedService) => {
    const told = offered.edition.competence?.elsewhere ?? null;
    setElsewhere(told);
    if (told) return;
    const id = visitor?.walkIn === false ? visitor.id : "";
    const called = visitor?.called ?? props.visitorId;
    const view = newCase(offered, props.session.stand.stand_id, language, called, id);
    if (appointment) view.form.facts = answersOfAppointment(formFacts(offered.edition), appointment);
    await saveCaseView(view);
    await setVisitorState(props.bundle, props.visitorId, "served");
    location.hash = `#/case/${view.case_id}`;
  };
  const button = (offered: OfferedService, isBooked: boolean) => (
    <ActionButton
      key={offered.service}
      kind={isBooked ? "main" : "plain"}
      testid={isBooked ? "start" : `start-${offered.service}`}
      label={localized(offered.edition.titles)}
      action={() => start(offered)}
    />
  );
  return (
    <Page title={t("new.title", { who: visitor?.called ?? props.visitorId })} back="#/queue">
      {services.length === 0 && <Notice tone="doubt">{t("new.none")}</Notice>}
      {elsewhere && (
        <Notice tone="doubt">
          <span data-testid="elsewhere" role="alert">
            {localized(elsewhere)}
          </span>
        </Notice>
      )}
      <ChoiceField
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
      <h2>{booked ? t("new.booked") : t("new.service")}</h2>
      {booked && <div class="stack">{button(booked, true)}</div>}
      {booked && services.length > 1 && <h2>{t("new.other")}</h2>}
      <div class="stack">
        {services.filter((offered) => offered !== booked).map((offered) => button(offered, false))}
      </div>
    </Page>
  );
}

/** As booked, if documents have this language; else that of the screens. */
function languageOfCase(appointment: BundleAppointment | undefined): Language {
  const { language } = appointment ?? {};
  return language === "de" || language === "en" ? language : currentLanguage();
}
