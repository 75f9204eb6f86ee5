// Checks any paper of ours without a network: by the camera, a picture, or the text of its code.

import { useState } from "preact/hooks";
import { decodeQR } from "qr/decode.js";
import { now } from "../device/clock.ts";
import type { Session } from "../device/session.ts";
import type { Bundle } from "../stand/bundle.ts";
import { type Checked, check } from "../stand/papers.ts";
import { moment, t } from "../words/texts.ts";
import { type Camera, CameraOrFile } from "./camera.tsx";
import { Do, Facts, type Mood, Notice, Page } from "./parts.tsx";

const MOST_PIXELS = 1600;
const THOROUGH = { effort: Number.POSITIVE_INFINITY, timeLimit: 5_000 }; // a picture has no next frame
const MOODS: Record<Checked["verdict"], Mood> = {
  valid: "good",
  unknown: "doubt",
  expired: "bad",
  revoked: "bad",
  forged: "bad",
  foreign: "bad",
  unreadable: "doubt",
};

export function Verify(props: { session: Session; bundle: Bundle }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<Checked>();
  const [trouble, setTrouble] = useState("");
  const look = async (code: string) => {
    setTrouble("");
    setFound(await check(code, props.session.trusted, props.bundle.status_list, now()));
  };
  const fromFile = async (file: File) => {
    const bitmap = await createImageBitmap(file).catch(() => null);
    const code = bitmap && read(bitmap, bitmap.width, bitmap.height, THOROUGH);
    if (code) await look(code);
    else setTrouble("verify.no_code");
  };
  const scan = ({ video, stop, on }: Camera) => {
    if (!on()) return;
    const code = read(video, video.videoWidth, video.videoHeight);
    if (!code) return void setTimeout(() => scan({ video, stop, on }), 120);
    stop();
    void look(code);
  };
  return (
    <Page title={t("verify.title")} back="#/queue">
      {found && (
        <section data-testid="verdict" data-verdict={found.verdict}>
          <Notice mood={MOODS[found.verdict]}>
            <b>{t(`verdict.${found.verdict}`)}</b> {t(`verdict.${found.verdict}.then`)}
          </Notice>
          {found.number && (
            <Facts
              rows={[
                [t("verify.number"), found.number],
                [t("verify.holder"), found.holder || "–"],
                [t("verify.issued"), moment(found.issuedAt)],
                [t("verify.given"), t(found.atStand ? "verify.at_stand" : "verify.by_office")],
                [t("verify.as_of"), found.asOf ? moment(found.asOf) : "–"],
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
        trouble={trouble}
        onTrouble={setTrouble}
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
      <Do kind="main" testid="verify" label={t("verify.do")} disabled={!text.trim()} does={() => look(text)} />
    </Page>
  );
}

function read(source: CanvasImageSource, width: number, height: number, how = {}): string {
  if (!width || !height) return "";
  const scale = Math.min(1, MOST_PIXELS / Math.max(width, height));
  const canvas = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  try {
    return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height), how);
  } catch {
    return ""; // no code in this picture
  }
}
