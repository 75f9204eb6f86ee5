// The camera on a screen, and the file that will do instead of it.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { camera } from "../stand/picture.ts";
import { t } from "../words/texts.ts";
import { Do, Notice } from "./parts.tsx";

export interface Camera {
  video: HTMLVideoElement;
  stop: () => void;
  /** Whether it still runs. */
  on: () => boolean;
}

/** `label`: of the button that opens it. `whileOn` is shown beside the picture, `onOpen` told when there is one. */
export function CameraOrFile(props: {
  id: string;
  label: string;
  fileLabel: string;
  accept: string;
  capture?: "environment";
  trouble: string;
  onTrouble: (key: string) => void;
  onFile: (file: File) => void;
  onOpen?: (camera: Camera) => void;
  whileOn?: (camera: Camera) => ComponentChildren;
}) {
  const video = useRef<HTMLVideoElement>(null);
  const stream = useRef<MediaStream | null>(null);
  const [on, setOn] = useState(false);
  const stop = () => {
    for (const track of stream.current?.getTracks() ?? []) track.stop();
    stream.current = null;
    setOn(false);
  };
  useEffect(() => stop, []);
  const opened = (): Camera => ({ video: video.current!, stop, on: () => stream.current !== null });
  const open = async () => {
    props.onTrouble("");
    try {
      stream.current = await camera(video.current!);
      setOn(true);
      props.onOpen?.(opened());
    } catch (error) {
      props.onTrouble(error instanceof Error ? error.message : "camera.missing");
    }
  };
  return (
    <>
      <video ref={video} playsInline muted hidden={!on} aria-label={t("papers.camera_picture")} />
      {on ? props.whileOn?.(opened()) : <Do label={props.label} does={open} />}
      {props.trouble && <Notice mood="bad">{t(props.trouble)}</Notice>}
      <div class="field">
        <label for={props.id}>{props.fileLabel}</label>
        <input
          id={props.id}
          type="file"
          accept={props.accept}
          {...(props.capture && { capture: props.capture })}
          onChange={(event) => {
            const file = event.currentTarget.files?.[0];
            if (!file) return;
            stop();
            props.onFile(file);
          }}
        />
      </div>
    </>
  );
}
