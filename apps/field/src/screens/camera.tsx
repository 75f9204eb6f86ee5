// The camera on a screen, with a file input as alternative.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { openCamera } from "../domain/photo.ts";
import { t } from "../i18n/texts.ts";
import { ActionButton, Notice } from "./components.tsx";

export interface RunningCamera {
  video: HTMLVideoElement;
  stop: () => void;
  isOn: () => boolean;
}

/** `label`: of the button that opens the camera. `whileOn` is rendered beside the picture. */
export function CameraOrFile(props: {
  id: string;
  label: string;
  fileLabel: string;
  accept: string;
  capture?: "environment";
  error: string;
  onError: (key: string) => void;
  onFile: (file: File) => void;
  onOpen?: (camera: RunningCamera) => void;
  whileOn?: (camera: RunningCamera) => ComponentChildren;
}) {
  const video = useRef<HTMLVideoElement>(null);
  const stream = useRef<MediaStream | null>(null);
  const [isOn, setIsOn] = useState(false);
  const stop = () => {
    for (const track of stream.current?.getTracks() ?? []) track.stop();
    stream.current = null;
    setIsOn(false);
  };
  useEffect(() => stop, []);
  const running = (): RunningCamera => ({ video: video.current!, stop, isOn: () => stream.current !== null });
  const start = async () => {
    props.onError("");
    try {
      stream.current = await openCamera(video.current!);
      setIsOn(true);
      props.onOpen?.(running());
    } catch (error) {
      props.onError(error instanceof Error ? error.message : "camera.missing");
    }
  };
  return (
    <>
      <video ref={video} playsInline muted hidden={!isOn} aria-label={t("papers.camera_picture")} />
      {isOn ? props.whileOn?.(running()) : <ActionButton label={props.label} action={start} />}
      {props.error && <Notice tone="bad">{t(props.error)}</Notice>}
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
