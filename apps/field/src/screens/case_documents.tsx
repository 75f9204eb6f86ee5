// The documents that a citizen brings: seen, or photographed. A file replaces the camera.
import { useEffect, useState } from "preact/hooks";
import { recordDocumentSeen } from "../domain/case_actions.ts";
import { dayOf, factsOf, requiredDocuments } from "../domain/fees.ts";
import { capturePhoto } from "../domain/photo.ts";
import { formatSize, localized, t } from "../i18n/texts.ts";
import type { CaseView, RequiredDocument } from "../model/types.ts";
import type { CapturedFile } from "../store/outbox.ts";
import { CameraOrFile } from "./camera.tsx";
import { ActionButton } from "./components.tsx";

export function DocumentsStep(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const { view } = props;
  const { needed } = requiredDocuments(view.edition, factsOf(view.form, dayOf(view.opened_at)));
  const next = needed.find((document) => !view.papers[document.code]);
  return (
    <section>
      <h2>{t("papers.title")}</h2>
      <ul class="checks">
        {needed.map((document) => (
          <li key={document.code} class={view.papers[document.code] ? "good" : "plain"}>
            <span aria-hidden="true">{view.papers[document.code] ? "✓" : "·"}</span> {localized(document.titles)}{" "}
            <small>{t(`handling.${document.handling}`)}</small>
          </li>
        ))}
      </ul>
      {next && <DocumentCheck key={next.code} document={next} view={view} onDone={props.onDone} />}
    </section>
  );
}

function DocumentCheck(props: { document: RequiredDocument; view: CaseView; onDone: (view: CaseView) => void }) {
  const { document, view } = props;
  const [photo, setPhoto] = useState<CapturedFile>();
  if (document.handling === "show") {
    return (
      <>
        <h3>{localized(document.titles)}</h3>
        <p>{t("papers.show")}</p>
        <ActionButton
          kind="main"
          testid="seen"
          label={t("papers.seen")}
          action={async () => props.onDone(await recordDocumentSeen(view, document.code))}
        />
      </>
    );
  }
  return (
    <>
      <h3>{localized(document.titles)}</h3>
      <PhotoInput onPhoto={setPhoto} />
      {photo && <PhotoPreview photo={photo} />}
      <ActionButton
        kind="main"
        testid="keep-photo"
        label={t("papers.keep")}
        disabled={!photo}
        action={async () => props.onDone(await recordDocumentSeen(view, document.code, photo))}
      />
    </>
  );
}

function PhotoPreview(props: { photo: CapturedFile }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const objectUrl = URL.createObjectURL(new Blob([props.photo.bytes], { type: props.photo.kind }));
    setUrl(objectUrl);
    return () => URL.revokeObjectURL(objectUrl);
  }, [props.photo]);
  return (
    <figure>
      {props.photo.kind !== "application/pdf" && url && <img class="preview" src={url} alt={t("papers.preview")} />}
      <figcaption>{t("papers.size", { size: formatSize(props.photo.bytes.length) })}</figcaption>
    </figure>
  );
}

/** A photo from the camera, or a file if the camera is denied, missing or busy. */
function PhotoInput(props: { onPhoto: (photo: CapturedFile) => void }) {
  const [error, setError] = useState("");
  const take = async (source: Blob | HTMLVideoElement) => {
    try {
      setError("");
      props.onPhoto(await capturePhoto(source));
      return true;
    } catch (error) {
      setError(error instanceof Error ? error.message : "picture.unreadable");
      return false;
    }
  };
  return (
    <CameraOrFile
      id="photo-file"
      label={t("papers.camera")}
      fileLabel={t("papers.file")}
      accept="image/*,application/pdf"
      capture="environment"
      error={error}
      onError={setError}
      onFile={take}
      whileOn={({ video, stop }) => (
        <ActionButton kind="main" label={t("papers.shoot")} action={async () => (await take(video)) && stop()} />
      )}
    />
  );
}
