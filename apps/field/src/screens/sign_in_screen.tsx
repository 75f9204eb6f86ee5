// The screens before the work: enrolment, sign-in, stand and PIN, the lock, and a revoked device.
import { useEffect, useState } from "preact/hooks";
import { canWipe, wipeDevice } from "../domain/shift.ts";
import { formatDateTime, t } from "../i18n/texts.ts";
import { deleteFacts } from "../platform/database.ts";
import { evictedDeviceId } from "../platform/identity.ts";
import { PIN_DIGITS, unlock, WrongPinError } from "../platform/vault.ts";
import {
  availableStands,
  currentSession,
  enrolDevice,
  redirectToSignIn,
  type StandInfo,
  startSession,
} from "../session/session.ts";
import { notifyChanged } from "../store/changes.ts";
import { countUnsynced } from "../store/outbox.ts";
import { syncNow } from "../sync/engine.ts";
import {
  ActionButton,
  ChoiceField,
  downloadExport,
  errorText,
  Notice,
  Page,
  TextField,
  useLive,
} from "./components.tsx";

export function EnrolScreen() {
  const [code, setCode] = useState("");
  const evicted = evictedDeviceId();
  return (
    <Page title={t("enrol.title")}>
      {evicted && <Notice tone="bad">{t("enrol.evicted", { device: evicted })}</Notice>}
      <p>{t("enrol.intro")}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          document.querySelector<HTMLButtonElement>("[data-testid=enrol]")?.click();
        }}
      >
        <TextField id="code" label={t("enrol.code")} help={t("enrol.code_help")} value={code} onInput={setCode} />
      </form>
      <ActionButton
        kind="main"
        testid="enrol"
        label={t("enrol.do")}
        action={async () => {
          await enrolDevice(code.trim());
          notifyChanged();
        }}
      />
    </Page>
  );
}

export function SignInScreen(props: { expired: boolean }) {
  const waiting = useLive(countUnsynced);
  return (
    <Page title={t("signin.title")}>
      {props.expired && waiting !== undefined && <Notice tone="doubt">{t("signin.expired", { n: waiting })}</Notice>}
      <p>{t("signin.intro")}</p>
      <ActionButton kind="main" testid="sign-in" label={t("signin.do")} action={redirectToSignIn} />
    </Page>
  );
}

export function BeginShiftScreen(props: { onBegun: () => void }) {
  const [stands, setStands] = useState<StandInfo[]>();
  const [errorMessage, setErrorMessage] = useState("");
  const [chosen, setChosen] = useState("");
  const [pin, setPin] = useState("");
  const [repeatedPin, setRepeatedPin] = useState("");
  useEffect(() => {
    availableStands().then(
      (loaded) => {
        setStands(loaded);
        if (loaded.length === 1) setChosen(loaded[0]!.stand_id);
      },
      (error: unknown) => setErrorMessage(errorText(error)),
    );
  }, []);
  const ready = chosen !== "" && pin.length === PIN_DIGITS && pin === repeatedPin && /^\d+$/.test(pin);
  return (
    <Page title={t("begin.title")}>
      {errorMessage && <Notice tone="bad">{errorMessage}</Notice>}
      {stands?.length === 0 && <Notice tone="doubt">{t("begin.no_stand")}</Notice>}
      {stands && stands.length > 0 && (
        <ChoiceField
          id="stand"
          legend={t("begin.stand")}
          value={chosen}
          onChoose={setChosen}
          options={stands.map((stand) => ({
            value: stand.stand_id,
            label: stand.place,
            note: formatDateTime(Date.parse(stand.starts_at)),
          }))}
        />
      )}
      <PinField id="pin" label={t("begin.pin")} help={t("begin.pin_help")} fresh value={pin} onInput={setPin} />
      <PinField
        id="pin-again"
        label={t("begin.pin_again")}
        fresh
        value={repeatedPin}
        onInput={setRepeatedPin}
        error={repeatedPin.length === PIN_DIGITS && pin !== repeatedPin ? t("begin.pin_differs") : undefined}
      />
      <ActionButton
        kind="main"
        testid="begin"
        label={t("begin.do")}
        disabled={!ready}
        action={async () => {
          await startSession(stands!.find((stand) => stand.stand_id === chosen)!, pin);
          await deleteFacts("revoked");
          props.onBegun();
          syncNow();
        }}
      />
    </Page>
  );
}

/** `fresh`: the PIN is being chosen, not entered. */
function PinField(props: {
  id: string;
  label: string;
  value: string;
  onInput: (value: string) => void;
  fresh?: boolean;
  help?: string;
  error?: string | undefined;
}) {
  const { fresh, ...rest } = props;
  return (
    <TextField
      {...rest}
      type="password"
      inputMode="numeric"
      maxLength={PIN_DIGITS}
      autoComplete={fresh ? "new-password" : "current-password"}
    />
  );
}

export function LockedScreen(props: { onOpen: () => void }) {
  const [pin, setPin] = useState("");
  const [errorMessage, setErrorMessage] = useState("");
  const waiting = useLive(countUnsynced);
  const session = useLive(async () => (await currentSession()) ?? null);
  const tryPin = async (entered: string) => {
    setPin(entered);
    setErrorMessage("");
    if (entered.length < PIN_DIGITS) return;
    try {
      await unlock(entered);
      props.onOpen();
      syncNow();
    } catch (error) {
      if (!(error instanceof WrongPinError)) throw error;
      setPin("");
      setErrorMessage(error.attemptsLeft ? t("locked.wrong", { n: error.attemptsLeft }) : t("locked.gone"));
      if (!error.attemptsLeft) notifyChanged();
    }
  };
  return (
    <Page title={t("locked.title")}>
      <p>{t("locked.intro", { who: session?.officer ?? "" })}</p>
      <PinField id="pin" label={t("begin.pin")} value={pin} onInput={tryPin} error={errorMessage || undefined} />
      {waiting !== undefined && <p>{t("locked.waiting", { n: waiting })}</p>}
      <ActionButton label={t("locked.sign_in")} action={redirectToSignIn} />
    </Page>
  );
}

export function RevokedScreen() {
  const waiting = useLive(countUnsynced);
  const wipeable = useLive(canWipe) ?? false;
  return (
    <Page title={t("revoked.title")}>
      {waiting !== undefined && <Notice tone="bad">{t("revoked.what", { n: waiting })}</Notice>}
      <p>{t("revoked.then")}</p>
      <ActionButton kind="main" label={t("shift.export")} action={downloadExport} />
      <ActionButton label={t("signin.do")} action={redirectToSignIn} />
      {wipeable && (
        <ActionButton
          kind="danger"
          label={t("shift.wipe")}
          action={async () => (await wipeDevice(), location.reload())}
        />
      )}
    </Page>
  );
}
