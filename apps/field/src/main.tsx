// Begins: the clock, the language, the key if it is still held, then the screen, then the sending.
import { render } from "preact";
import { App } from "./app.tsx";
import { windClock } from "./device/clock.ts";
import { comeBack, settings, takeUpKey } from "./device/session.ts";
import { report, watchErrors } from "./device/telemetry.ts";
import { onBlocked } from "./store/db.ts";
import { keepSending } from "./sync/engine.ts";
import { chooseLanguage, t } from "./words/texts.ts";

async function start(): Promise<void> {
  let trouble = "";
  watchErrors();
  onBlocked(() => {
    document.getElementById("app")!.textContent = t("error.blocked");
  });
  try {
    await chooseLanguage();
    await windClock();
    await takeUpKey();
  } catch {
    trouble = "error.storage";
  }
  try {
    await comeBack();
  } catch {
    trouble = "error.sign_in";
  }
  render(<App trouble={trouble} />, document.getElementById("app")!);
  void settings().catch(() => undefined);
  keepSending();
  await report("start", `app.${__VERSION__}`, Math.round(performance.now()));
  await worker();
}

async function worker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  let replaced = navigator.serviceWorker.controller !== null;
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (replaced) location.reload(); // the clerk took the new version
    replaced = true;
  });
  const registration = await navigator.serviceWorker.register("/field/worker.js", { scope: "/field/", type: "module" });
  setInterval(() => void registration.update().catch(() => undefined), 3600_000);
}

void start();
