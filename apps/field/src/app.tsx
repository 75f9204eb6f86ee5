// Which screen there is, and what stands above every one: where we are, what is not at the office, the language.
import { useEffect, useState } from "preact/hooks";
import { clockIsLost, now, OFF_MS, offBy } from "./device/clock.ts";
import { device } from "./device/identity.ts";
import { type Session, session, signedIn } from "./device/session.ts";
import { hasPin, isLocked, isSilent, lock, touch } from "./device/vault.ts";
import { Case } from "./screens/case.tsx";
import { Conflicts } from "./screens/conflicts.tsx";
import { Outbox } from "./screens/outbox.tsx";
import { Notice, useLive } from "./screens/parts.tsx";
import { Prepare } from "./screens/prepare.tsx";
import { NewCase, Queue } from "./screens/queue.tsx";
import { Shift } from "./screens/shift.tsx";
import { Verify } from "./screens/verify.tsx";
import { Begin, Enrol, Locked, Revoked, SignIn } from "./screens/way_in.tsx";
import { type Bundle, bundle, expired } from "./stand/bundle.ts";
import { fact } from "./store/db.ts";
import { changed } from "./store/live.ts";
import { countNotAtOffice, notAtOffice } from "./store/outbox.ts";
import { sendNow, syncStatus } from "./sync/engine.ts";
import { setLanguage, spoken, t } from "./words/texts.ts";

const OLD_MS = 24 * 3600_000; // unsent for so long: a browser may throw away what nobody used

interface Place {
  known: boolean;
  revoked: boolean;
  session: Session | null;
  pin: boolean;
  locked: boolean;
  bundle: Bundle | null;
}

async function where(): Promise<Place> {
  const own = (await session()) ?? null;
  const locked = isLocked();
  return {
    known: Boolean((await device())?.label),
    revoked: (await fact<boolean>("revoked")) ?? false,
    session: own,
    pin: await hasPin(),
    locked,
    bundle: own && !locked ? await bundle(own) : null,
  };
}

export function App(props: { trouble: string }) {
  const place = useLive(where);
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener("hashchange", moved);
    const seen = () => touch();
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, seen, { passive: true });
    const watch = setInterval(async () => {
      if (!isSilent()) return;
      await lock();
      changed();
    }, 1_000);
    return () => clearInterval(watch);
  }, []);
  if (!place) return null;
  return (
    <>
      <Head place={place} />
      {props.trouble && <Notice mood="bad">{t(props.trouble)}</Notice>}
      <Screen place={place} hash={hash} />
    </>
  );
}

function Screen(props: { place: Place; hash: string }) {
  const { place } = props;
  const own = place.session;
  if (!place.known) return <Enrol />;
  if (signedIn()) return <Begin onBegun={() => void ((location.hash = "#/prepare"), changed())} />;
  if (place.revoked) return <Revoked />;
  if (!own || !place.pin) return <SignIn expired={false} />;
  if (place.locked) return <Locked onOpen={changed} />;
  const [, name, id] = props.hash.split("/");
  if (name === "outbox") return <Outbox />;
  if (name === "conflicts") return <Conflicts session={own} />;
  if (name === "shift") return <Shift session={own} />;
  if (name === "signin") return <SignIn expired />;
  if (!place.bundle || name === "prepare" || name === undefined) return <Prepare session={own} />;
  const over = expired(place.bundle); // what was begun may be ended, nothing new is begun on old rules
  if (over && name !== "case" && name !== "verify") return <Prepare session={own} />;
  if (name === "new" && id) return <NewCase key={id} session={own} bundle={place.bundle} guestId={id} />;
  if (name === "case" && id) return <Case key={id} session={own} bundle={place.bundle} caseId={id} />;
  if (name === "verify") return <Verify session={own} bundle={place.bundle} />;
  return <Queue session={own} bundle={place.bundle} />;
}

function Head(props: { place: Place }) {
  const counted = useLive(countNotAtOffice); // undefined: nobody knows yet, and nothing is claimed
  const waiting = counted ?? 0;
  const phase = useLive(async () => syncStatus().phase);
  const oldest = useLive(async () => Math.min(...(await notAtOffice(1)).entries.map((row) => row.written_at)));
  const inside = props.place.session && !props.place.locked && !signedIn() && !props.place.revoked;
  return (
    <header>
      <div class="bar">
        <a class="home" href={props.place.bundle ? "#/queue" : "#/prepare"}>
          Wanderamt
        </a>
        {counted !== undefined && (
          <a
            class={`waiting ${waiting ? "some" : "none"}`}
            href="#/outbox"
            data-testid="not-at-office"
            data-count={waiting}
          >
            {waiting ? t("head.waiting", { n: waiting }) : t("head.none")}
          </a>
        )}
        <button
          type="button"
          lang={spoken() === "de" ? "en" : "de"}
          onClick={() => setLanguage(spoken() === "de" ? "en" : "de")}
        >
          {spoken() === "de" ? "English" : "Deutsch"}
        </button>
      </div>
      {inside && (
        <nav aria-label={t("head.nav")}>
          <a href="#/queue">{t("nav.queue")}</a>
          <a href="#/outbox">{t("nav.outbox")}</a>
          <a href="#/verify">{t("nav.verify")}</a>
          <a href="#/prepare">{t("nav.prepare")}</a>
          <a href="#/shift">{t("nav.shift")}</a>
          <button type="button" onClick={async () => (await lock(), changed())}>
            {t("nav.lock")}
          </button>
        </nav>
      )}
      {inside && phase === "expired" && (
        <Notice mood="doubt">
          {t("signin.expired", { n: waiting })} <a href="#/signin">{t("signin.do")}</a>
        </Notice>
      )}
      {inside && props.place.bundle && expired(props.place.bundle) && (
        <Notice mood="bad">
          {t("head.bundle_expired")} <a href="#/prepare">{t("nav.prepare")}</a>
        </Notice>
      )}
      {clockIsLost() && <Notice mood="bad">{t("head.clock_lost")}</Notice>}
      {!clockIsLost() && Math.abs(offBy()) > OFF_MS && (
        <Notice mood="doubt">{t("head.clock_off", { n: Math.round(Math.abs(offBy()) / 3600_000) || "<1" })}</Notice>
      )}
      {oldest !== undefined && now() - oldest > OLD_MS && Number.isFinite(oldest) && (
        <Notice mood="bad">
          {t("head.old")}{" "}
          <button type="button" onClick={sendNow}>
            {t("outbox.send")}
          </button>
        </Notice>
      )}
      <Update />
    </header>
  );
}

/** A new version waits until the clerk takes it, on the stand's home: never while something is typed. */
function Update() {
  const [waiting, setWaiting] = useState<ServiceWorker | null>(null);
  useEffect(() => {
    void navigator.serviceWorker?.getRegistration("/field/").then((registration) => {
      if (!registration) return;
      const look = () => setWaiting(navigator.serviceWorker.controller ? registration.waiting : null);
      look();
      registration.addEventListener("updatefound", () => {
        registration.installing?.addEventListener("statechange", look);
      });
    });
  }, []);
  if (!waiting || /#\/(new|case)\//.test(location.hash)) return null;
  return (
    <Notice mood="plain">
      {t("head.update")}{" "}
      <button type="button" data-testid="update" onClick={() => waiting.postMessage("take over")}>
        {t("head.update_do")}
      </button>
    </Notice>
  );
}
