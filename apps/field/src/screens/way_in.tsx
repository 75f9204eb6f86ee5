// Before the work: letting the device in, signing in, choosing the stand and a PIN, the lock, and a revoked device.
import { useEffect, useState } from "preact/hooks";
import { evictedDevice } from "../device/identity.ts";
import { begin, enrol, goToSignIn, type StandInfo, session, standsToChoose } from "../device/session.ts";
import { PIN_DIGITS, unlock, WrongPin } from "../device/vault.ts";
import { mayWipe, wipe } from "../stand/shift.ts";
import { forget } from "../store/db.ts";
import { changed } from "../store/live.ts";
import { countNotAtOffice } from "../store/outbox.ts";
import { sendNow } from "../sync/engine.ts";
import { moment, t } from "../words/texts.ts";
import { Choice, Do, Notice, Page, saveExport, sentence, Text, useLive } from "./parts.tsx";

export function Enrol() {
  const [code, setCode] = useState("");
  const evicted = evictedDevice();
  return (
    <Page title={t("enrol.title")}>
      {evicted && <Notice mood="bad">{t("enrol.evicted", { device: evicted })}</Notice>}
      <p>{t("enrol.intro")}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          document.querySelector<HTMLButtonElement>("[data-testid=enrol]")?.click();
        }}
      >
        <Text id="code" label={t("enrol.code")} help={t("enrol.code_help")} value={code} onInput={setCode} />
      </form>
      <Do
        kind="main"
        testid="enrol"
        label={t("enrol.do")}
        does={async () => {
          await enrol(code.trim());
          changed();
        }}
      />
    </Page>
  );
}

export function SignIn(props: { expired: boolean }) {
  const waiting = useLive(countNotAtOffice);
  return (
    <Page title={t("signin.title")}>
      {props.expired && waiting !== undefined && <Notice mood="doubt">{t("signin.expired", { n: waiting })}</Notice>}
      <p>{t("signin.intro")}</p>
      <Do kind="main" testid="sign-in" label={t("signin.do")} does={goToSignIn} />
    </Page>
  );
}

export function Begin(props: { onBegun: () => void }) {
  const [stands, setStands] = useState<StandInfo[]>();
  const [wrong, setWrong] = useState("");
  const [chosen, choose] = useState("");
  const [pin, setPin] = useState("");
  const [again, setAgain] = useState("");
  useEffect(() => {
    standsToChoose().then(
      (found) => {
        setStands(found);
        if (found.length === 1) choose(found[0]!.stand_id);
      },
      (error: unknown) => setWrong(sentence(error)),
    );
  }, []);
  const ready = chosen !== "" && pin.length === PIN_DIGITS && pin === again && /^\d+$/.test(pin);
  return (
    <Page title={t("begin.title")}>
      {wrong && <Notice mood="bad">{wrong}</Notice>}
      {stands?.length === 0 && <Notice mood="doubt">{t("begin.no_stand")}</Notice>}
      {stands && stands.length > 0 && (
        <Choice
          id="stand"
          legend={t("begin.stand")}
          value={chosen}
          onChoose={choose}
          options={stands.map((one) => ({
            value: one.stand_id,
            label: one.place,
            note: moment(Date.parse(one.starts_at)),
          }))}
        />
      )}
      <Pin id="pin" label={t("begin.pin")} help={t("begin.pin_help")} fresh value={pin} onInput={setPin} />
      <Pin
        id="pin-again"
        label={t("begin.pin_again")}
        fresh
        value={again}
        onInput={setAgain}
        wrong={again.length === PIN_DIGITS && pin !== again ? t("begin.pin_differs") : undefined}
      />
      <Do
        kind="main"
        testid="begin"
        label={t("begin.do")}
        disabled={!ready}
        does={async () => {
          await begin(stands!.find((one) => one.stand_id === chosen)!, pin);
          await forget("revoked");
          props.onBegun();
          sendNow();
        }}
      />
    </Page>
  );
}

/** `fresh`: one that is chosen now. */
function Pin(props: {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  fresh?: boolean;
  help?: string;
  wrong?: string | undefined;
}) {
  const { fresh, ...rest } = props;
  return (
    <Text
      {...rest}
      type="password"
      inputMode="numeric"
      maxLength={PIN_DIGITS}
      autoComplete={fresh ? "new-password" : "current-password"}
    />
  );
}

export function Locked(props: { onOpen: () => void }) {
  const [pin, setPin] = useState("");
  const [wrong, setWrong] = useState("");
  const waiting = useLive(countNotAtOffice);
  const own = useLive(async () => (await session()) ?? null);
  const tryPin = async (typed: string) => {
    setPin(typed);
    setWrong("");
    if (typed.length < PIN_DIGITS) return;
    try {
      await unlock(typed);
      props.onOpen();
      sendNow();
    } catch (error) {
      if (!(error instanceof WrongPin)) throw error;
      setPin("");
      setWrong(error.left ? t("locked.wrong", { n: error.left }) : t("locked.gone"));
      if (!error.left) changed();
    }
  };
  return (
    <Page title={t("locked.title")}>
      <p>{t("locked.intro", { who: own?.officer ?? "" })}</p>
      <Pin id="pin" label={t("begin.pin")} value={pin} onInput={tryPin} wrong={wrong || undefined} />
      {waiting !== undefined && <p>{t("locked.waiting", { n: waiting })}</p>}
      <Do label={t("locked.sign_in")} does={goToSignIn} />
    </Page>
  );
}

export function Revoked() {
  const waiting = useLive(countNotAtOffice);
  const wipeable = useLive(mayWipe) ?? false;
  return (
    <Page title={t("revoked.title")}>
      {waiting !== undefined && <Notice mood="bad">{t("revoked.what", { n: waiting })}</Notice>}
      <p>{t("revoked.then")}</p>
      <Do kind="main" label={t("shift.export")} does={saveExport} />
      <Do label={t("signin.do")} does={goToSignIn} />
      {wipeable && <Do kind="danger" label={t("shift.wipe")} does={async () => (await wipe(), location.reload())} />}
    </Page>
  );
}
