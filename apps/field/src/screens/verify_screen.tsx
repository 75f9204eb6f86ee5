// Verifies a document without a network: by camera, by a picture, or by the text of its code.

import { useState } from "preact/hooks";
import { decodeQR } from "qr/decode.js";
import type { Bundle } from "../domain/bundle.ts";
import { type VerificationResult, verifyStamp } from "../domain/documents.ts";
import { formatDateTime, localized, t } from "../i18n/texts.ts";
import { now } from "../platform/clock.ts";
import type { Session } from "../session/session.ts";
import { CameraOrFile, type RunningCamera } from "./camera.tsx";
import { ActionButton, DescriptionList, Notice, Page, type Tone } from "./components.tsx";

const MAX_PIXELS = 1600;
const THOROUGH_SCAN = { effort: Number.POSITIVE_INFINITY, timeLimit: 5_000 }; // for a picture: there is no next frame
const TONES: Record<VerificationResult["verdict"], Tone> = {
  valid: "good",
  unknown: "doubt",
  expired: "bad",
  revoked: "bad",
  forged: "bad",
  foreign: "bad",
  unreadable: "doubt",
};

export function VerifyScreen(props: { session: Session; bundle: Bundle }) {
  const [text, setText] = useState("");
  const [result, setResult] = useState<VerificationResult>();
  const [error, setError] = useState("");
  const verify = async (code: string) => {
    setError("");
    setResult(await verifyStamp(code, props.session.trusted, props.bundle.status_list, now()));
  };
  const fromFile = async (file: File) => {
    const bitmap = await createImageBitmap(file).catch(() => null);
    const code = bitmap && readCode(bitmap, bitmap.width, bitmap.height, THOROUGH_SCAN);
    if (code) await verify(code);
    else setError("verify.no_code");
  };
  const scan = ({ video, stop, isOn }: RunningCamera) => {
    if (!isOn()) return;
    const code = readCode(video, video.videoWidth, video.videoHeight);
    if (!code) return void setTimeout(() => scan({ video, stop, isOn }), 120);
    stop();
    void verify(code);
  };
  return (
    <Page title={t("verify.title")} back="#/queue">
      {result && (
        <section data-testid="verdict" data-verdict={result.verdict}>
          <Notice tone={TONES[result.verdict]}>
            <b>{t(`verdict.${result.verdict}`)}</b> {t(`verdict.${result.verdict}.then`)}
          </Notice>
          {result.number && <p class="compare">{t(result.kind ? "verify.compare" : "verify.compare_old")}</p>}
          {result.number && (
            <DescriptionList
              rows={[
                [t("verify.kind"), result.kind || "–"],
                [t("verify.main"), result.main || "–"],
                [t("verify.number"), result.number],
                [t("verify.holder"), result.holder || "–"],
                [t("verify.authority"), authorityName(result.authority, props.bundle)],
                [t("verify.issued"), formatDateTime(result.issuedAt)],
                [t("verify.given"), t(result.atStand ? "verify.at_stand" : "verify.by_office")],
                [t("verify.as_of"), result.asOf ? formatDateTime(result.asOf) : "–"],
              ]}
            />
          )}
        </section>
      )}
      <p>{t("verify.intro")}</p>
      <CameraOrFile
        id="stamp-file"
        label={t("verify.scan")}
        fileLabel={t("verify.file")}
        accept="image/*"
        error={error}
        onError={setError}
        onFile={fromFile}
        onOpen={scan}
      />
      <div class="field">
        <label for="stamp">{t("verify.text")}</label>
        <textarea
          id="stamp"
          value={text}
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <ActionButton
        kind="main"
        testid="verify"
        label={t("verify.do")}
        disabled={!text.trim()}
        action={() => verify(text)}
      />
    </Page>
  );
}

function authorityName(code: string, { letterhead }: Bundle): string {
  return letterhead?.code === code ? localized(letterhead.name) : code;
}

function readCode(source: CanvasImageSource, width: number, height: number, options = {}): string {
  if (!width || !height) return "";
  const scale = Math.min(1, MAX_PIXELS / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  try {
    return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height), options);
  } catch {
    return ""; // no code in this picture
  }
}
