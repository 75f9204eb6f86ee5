// Chooses the screen, and shows the header: navigation, the number of unsynced entries, warnings, the language.
import { useEffect, useState } from "preact/hooks";
import { type Bundle, currentBundle, isExpired } from "./domain/bundle.ts";
import { currentLanguage, setLanguage, t } from "./i18n/texts.ts";
import type { Language } from "./model/types.ts";
import { CLOCK_TOLERANCE_MS, clockErrorMs, isClockLost, now } from "./platform/clock.ts";
import { getFact } from "./platform/database.ts";
import { getDevice } from "./platform/identity.ts";
import { hasPin, isIdle, isLocked, lock, recordActivity } from "./platform/vault.ts";
import { CaseScreen } from "./screens/case_screen.tsx";
import { Notice, useLive } from "./screens/components.tsx";
import { ConflictsScreen } from "./screens/conflicts_screen.tsx";
import { OutboxScreen } from "./screens/outbox_screen.tsx";
import { PrepareScreen } from "./screens/prepare_screen.tsx";
import { NewCaseScreen, QueueScreen } from "./screens/queue_screen.tsx";
import { ShiftScreen } from "./screens/shift_screen.tsx";
import { BeginShiftScreen, EnrolScreen, LockedScreen, RevokedScreen, SignInScreen } from "./screens/sign_in_screen.tsx";
import { VerifyScreen } from "./screens/verify_screen.tsx";
import { currentSession, hasAccessToken, type Session } from "./session/session.ts";
import { notifyChanged } from "./store/changes.ts";
import { countUnsynced, unsynced } from "./store/outbox.ts";
import { storeLanguage } from "./store/preferences.ts";
import { syncNow, syncStatus } from "./sync/engine.ts";

const OVERDUE_MS = 24 * 3600_000; // warn about older unsynced entries: browsers may evict unused data

interface AppState {
  known: boolean;
  revoked: boolean;
  session: Session | null;
  pin: boolean;
  locked: boolean;
  bundle: Bundle | null;
}

async function loadAppState(): Promise<AppState> {
  const session = (await currentSession()) ?? null;
  const locked = isLocked();
  return {
    known: Boolean((await getDevice())?.label),
    revoked: (await getFact<boolean>("revoked")) ?? false,
    session,
    pin: await hasPin(),
    locked,
    bundle: session && !locked ? await currentBundle(session) : null,
  };
}

export function App(props: { errorKey: string }) {
  const state = useLive(loadAppState);
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const onHashChange = () => setHash(location.hash);
    addEventListener("hashchange", onHashChange);
    const onActivity = () => recordActivity();
    for (const event of ["pointerdown", "keydown"]) addEventListener(event, onActivity, { passive: true });
    const idleCheck = setInterval(async () => {
      if (!isIdle()) return;
      await lock();
      notifyChanged();
    }, 1_000);
    return () => clearInterval(idleCheck);
  }, []);
  if (!state) return null;
  return (
    <>
      <AppHeader state={state} />
      {props.errorKey && <Notice tone="bad">{t(props.errorKey)}</Notice>}
      <CurrentScreen state={state} hash={hash} />
    </>
  );
}

function CurrentScreen(props: { state: AppState; hash: string }) {
  const { state } = props;
  const session = state.session;
  if (!state.known) return <EnrolScreen />;
  if (hasAccessToken())
    return <BeginShiftScreen onBegun={() => void ((location.hash = "#/prepare"), notifyChanged())} />;
  if (state.revoked) return <RevokedScreen />;
  if (!session || !state.pin) return <SignInScreen expired={false} />;
  if (state.locked) return <LockedScreen onOpen={notifyChanged} />;
  const [, name, id] = props.hash.split("/");
  if (name === "outbox") return <OutboxScreen />;
  if (name === "conflicts") return <ConflictsScreen session={session} />;
  if (name === "shift") return <ShiftScreen session={session} />;
  if (name === "signin") return <SignInScreen expired />;
  if (!state.bundle || name === "prepare" || name === undefined) return <PrepareScreen session={session} />;
  const isOver = isExpired(state.bundle); // open cases may be finished; new cases need current rules
  if (isOver && name !== "case" && name !== "verify") return <PrepareScreen session={session} />;
  if (name === "new" && id) return <NewCaseScreen key={id} session={session} bundle={state.bundle} visitorId={id} />;
  if (name === "case" && id) return <CaseScreen key={id} session={session} bundle={state.bundle} caseId={id} />;
  if (name === "verify") return <VerifyScreen session={session} bundle={state.bundle} />;
  return <QueueScreen session={session} bundle={state.bundle} />;
}

function AppHeader(props: { state: AppState }) {
  const count = useLive(countUnsynced); // undefined until it is loaded; nothing is shown until then
  const waiting = count ?? 0;
  const phase = useLive(async () => syncStatus().phase);
  const oldest = useLive(async () => Math.min(...(await unsynced(1)).entries.map((row) => row.written_at)));
  const isSignedIn = props.state.session && !props.state.locked && !hasAccessToken() && !props.state.revoked;
  return (
    <header>
      <div class="bar">
        <a class="home" href={props.state.bundle ? "#/queue" : "#/prepare"}>
          Wanderamt
        </a>
        {count !== undefined && (
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
          lang={currentLanguage() === "de" ? "en" : "de"}
          onClick={() => switchLanguage(currentLanguage() === "de" ? "en" : "de")}
        >
          {currentLanguage() === "de" ? "English" : "Deutsch"}
        </button>
      </div>
      {isSignedIn && (
        <nav aria-label={t("head.nav")}>
          <a href="#/queue">{t("nav.queue")}</a>
          <a href="#/outbox">{t("nav.outbox")}</a>
          <a href="#/verify">{t("nav.verify")}</a>
          <a href="#/prepare">{t("nav.prepare")}</a>
          <a href="#/shift">{t("nav.shift")}</a>
          <button type="button" onClick={async () => (await lock(), notifyChanged())}>
            {t("nav.lock")}
          </button>
        </nav>
      )}
      {isSignedIn && phase === "expired" && (
        <Notice tone="doubt">
          {t("signin.expired", { n: waiting })} <a href="#/signin">{t("signin.do")}</a>
        </Notice>
      )}
      {isSignedIn && props.state.bundle && isExpired(props.state.bundle) && (
        <Notice tone="bad">
          {t("head.bundle_expired")} <a href="#/prepare">{t("nav.prepare")}</a>
        </Notice>
      )}
      {isClockLost() && <Notice tone="bad">{t("head.clock_lost")}</Notice>}
      {!isClockLost() && Math.abs(clockErrorMs()) > CLOCK_TOLERANCE_MS && (
        <Notice tone="doubt">
          {t("head.clock_off", { n: Math.round(Math.abs(clockErrorMs()) / 3600_000) || "<1" })}
        </Notice>
      )}
      {oldest !== undefined && now() - oldest > OVERDUE_MS && Number.isFinite(oldest) && (
        <Notice tone="bad">
          {t("head.old")}{" "}
          <button type="button" onClick={syncNow}>
            {t("outbox.send")}
          </button>
        </Notice>
      )}
      <UpdateNotice />
    </header>
  );
}

function switchLanguage(language: Language): Promise<void> {
  setLanguage(language);
  return storeLanguage(language);
}

/** Offers a new version of the app; not in a case, where the clerk may be typing. */
function UpdateNotice() {
  const [waiting, setWaiting] = useState<ServiceWorker | null>(null);
  useEffect(() => {
    void navigator.serviceWorker?.getRegistration("/field/").then((registration) => {
      if (!registration) return;
      const check = () => setWaiting(navigator.serviceWorker.controller ? registration.waiting : null);
      check();
      registration.addEventListener("updatefound", () => {
        registration.installing?.addEventListener("statechange", check);
      });
    });
  }, []);
  if (!waiting || /#\/(new|case)\//.test(location.hash)) return null;
  return (
    <Notice tone="plain">
      {t("head.update")}{" "}
      <button type="button" data-testid="update" onClick={() => waiting.postMessage("take over")}>
        {t("head.update_do")}
      </button>
    </Notice>
  );
}
