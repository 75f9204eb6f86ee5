// The papers a citizen brings: seen, or photographed and kept. Without a camera a file will do.
import { useEffect, useState } from "preact/hooks";
import { seePaper } from "../stand/desk.ts";
import { dayOf, factsOf, papersOf } from "../stand/fees.ts";
import { capture } from "../stand/picture.ts";
import type { CaseView, Paper } from "../stand/types.ts";
import type { Captured } from "../store/outbox.ts";
import { said, size, t } from "../words/texts.ts";
import { CameraOrFile } from "./camera.tsx";
import { Do } from "./parts.tsx";

export function PaperStep(props: { view: CaseView; onDone: (view: CaseView) => void }) {
  const { view } = props;
  const { needed } = papersOf(view.edition, factsOf(view.form, dayOf(view.opened_at)));
  const next = needed.find((one) => !view.papers[one.code]);
  return (
    <section>
      <h2>{t("papers.title")}</h2>
      <ul class="checks">
        {needed.map((one) => (
          <li key={one.code} class={view.papers[one.code] ? "good" : "plain"}>
            <span aria-hidden="true">{view.papers[one.code] ? "✓" : "·"}</span> {said(one.titles)}{" "}
            <small>{t(`handling.${one.handling}`)}</small>
          </li>
        ))}
      </ul>
      {next && <OnePaper key={next.code} paper={next} view={view} onDone={props.onDone} />}
    </section>
  );
}

function OnePaper(props: { paper: Paper; view: CaseView; onDone: (view: CaseView) => void }) {
  const { paper, view } = props;
  const [photo, setPhoto] = useState<Captured>();
  if (paper.handling === "show") {
    return (
      <>
        <h3>{said(paper.titles)}</h3>
        <p>{t("papers.show")}</p>
        <Do
          kind="main"
          testid="seen"
          label={t("papers.seen")}
          does={async () => props.onDone(await seePaper(view, paper.code))}
        />
      </>
    );
  }
  return (
    <>
      <h3>{said(paper.titles)}</h3>
      <Photo onPhoto={setPhoto} />
      {photo && <Preview photo={photo} />}
      <Do
        kind="main"
        testid="keep-photo"
        label={t("papers.keep")}
        disabled={!photo}
        does={async () => props.onDone(await seePaper(view, paper.code, photo))}
      />
    </>
  );
}

function Preview(props: { photo: Captured }) {
  const [url, setUrl] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([props.photo.bytes], { type: props.photo.kind }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [props.photo]);
  return (
    <figure>
      {props.photo.kind !== "application/pdf" && url && <img class="preview" src={url} alt={t("papers.preview")} />}
      <figcaption>{t("papers.size", { size: size(props.photo.bytes.length) })}</figcaption>
    </figure>
  );
}

/** A picture from the camera, or from a file when the camera is denied, missing or busy. */
function Photo(props: { onPhoto: (photo: Captured) => void }) {
  const [trouble, setTrouble] = useState("");
  const take = async (source: Blob | HTMLVideoElement) => {
    try {
      setTrouble("");
      props.onPhoto(await capture(source));
      return true;
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : "picture.unreadable");
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
      trouble={trouble}
      onTrouble={setTrouble}
      onFile={take}
      whileOn={({ video, stop }) => (
        <Do kind="main" label={t("papers.shoot")} does={async () => (await take(video)) && stop()} />
      )}
    />
  );
}
