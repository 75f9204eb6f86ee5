// Starts the app: language, clock and key, then the screen, then the sync engine and the service worker.
import { render } from "preact";
import { App } from "./app.tsx";
import { languageOf, setLanguage, t } from "./i18n/texts.ts";
import { loadClock } from "./platform/clock.ts";
import { onBlocked } from "./platform/database.ts";
import { finishSignIn, loadSettings, restoreOutboxKey } from "./session/session.ts";
import { storedLanguage } from "./store/preferences.ts";
import { recordReport, watchErrors } from "./store/reports.ts";
import { startSyncing } from "./sync/engine.ts";

async function start(): Promise<void> {
  let errorKey = "";
  watchErrors();
  onBlocked(() => {
    document.getElementById("app")!.textContent = t("error.blocked");
  });
  try {
    setLanguage((await storedLanguage()) ?? languageOf(navigator.language));
    await loadClock();
    await restoreOutboxKey();
  } catch {
    errorKey = "error.storage";
  }
  try {
    await finishSignIn();
  } catch {
    errorKey = "error.sign_in";
  }
  render(<App errorKey={errorKey} />, document.getElementById("app")!);
  void loadSettings().catch(() => undefined);
  startSyncing();
  await recordReport("start", `app.${__VERSION__}`, Math.round(performance.now()));
  await registerWorker();
}

async function registerWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  let replaced = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (replaced) location.reload(); // the clerk has accepted the new version
    replaced = true;
  });
  const registration = await navigator.serviceWorker.register("/field/worker.js", { scope: "/field/", type: "module" });
  setInterval(() => void registration.update().catch(() => undefined), 3600_000);
}

void start();
