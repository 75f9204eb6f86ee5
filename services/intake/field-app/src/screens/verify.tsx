// Checks any paper of ours without a network: by the camera, a picture, or the text of its code.

import { useEffect, useRef, useState } from "preact/hooks";
import { decodeQR } from "qr/decode.js";
import { now } from "../device/clock.ts";
import type { Session } from "../device/session.ts";
import type { Bundle } from "../stand/bundle.ts";
import { type Checked, check } from "../stand/papers.ts";
import { camera } from "../stand/picture.ts";
import { moment, t } from "../words/texts.ts";
import { Do, Facts, type Mood, Notice, Page } from "./parts.tsx";

const MOST_PIXELS = 1600;
const THOROUGH = { effort: Number.POSITIVE_INFINITY, timeLimit: 5_000 }; // a picture has no next frame
const MOODS: Record<Checked["verdict"], Mood> = {
  ...{
    valid: "good",
    unknown: "doubt",
    expired: "bad",
    revoked: "bad",
    forged: "bad",
    foreign: "bad",
    unreadable: "doubt",
  },
} as Record<Checked["verdict"], Mood>;

export function Verify(props: { session: Session; bundle: Bundle }) {
  const [text, setText] = useState("");
  const [found, setFound] = useState<Checked>();
  const [trouble, setTrouble] = useState("");
  const look = async (code: string) => {
    setTrouble("");
    setFound(await check(code, props.session.trusted, props.bundle.status_list, now()));
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
      <Scan onCode={look} onTrouble={setTrouble} />
      {trouble && <Notice mood="bad">{t(trouble)}</Notice>}
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

function Scan(props: { onCode: (code: string) => void; onTrouble: (key: string) => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const stop = useRef<() => void>(() => undefined);
  const [on, setOn] = useState(false);
  useEffect(() => () => stop.current(), []);
  const begin = async () => {
    try {
      const stream = await camera(video.current!);
      setOn(true);
      let going = true;
      stop.current = () => {
        going = false;
        for (const track of stream.getTracks()) track.stop();
        setOn(false);
      };
      const look = () => {
        if (!going) return;
        const code = read(video.current!, video.current!.videoWidth, video.current!.videoHeight);
        if (!code) return void setTimeout(look, 120);
        stop.current();
        props.onCode(code);
      };
      look();
    } catch (error) {
      props.onTrouble(error instanceof Error ? error.message : "camera.missing");
    }
  };
  const fromFile = async (file: File) => {
    const bitmap = await createImageBitmap(file).catch(() => null);
    const code = bitmap && read(bitmap, bitmap.width, bitmap.height, THOROUGH);
    if (code) props.onCode(code);
    else props.onTrouble("verify.no_code");
  };
  return (
    <>
      <video ref={video} playsInline muted hidden={!on} aria-label={t("papers.camera_picture")} />
      {!on && <Do label={t("verify.scan")} does={begin} />}
      <div class="field">
        <label for="stamp-file">{t("verify.file")}</label>
        <input
          id="stamp-file"
          type="file"
          accept="image/*"
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (file) void fromFile(file);
          }}
        />
      </div>
    </>
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
