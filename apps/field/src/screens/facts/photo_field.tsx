// A photo as an answer: from the camera or a file, with a small picture; taken again or removed.
import { useRef, useState } from "preact/hooks";
import { isRequired } from "../../domain/facts/check.ts";
import { capturePhoto } from "../../domain/photo.ts";
import { localized, t } from "../../i18n/texts.ts";
import { saveDraftFile } from "../../store/draft_files.ts";
import { CameraOrFile } from "../camera.tsx";
import { ActionButton, errorText } from "../components.tsx";
import { AttachmentPicture } from "./attachment_picture.tsx";
import { describedBy, type FieldProps, HelpAndFault, idOf, Title, useFault, useForm } from "./form_context.tsx";
import { textOf } from "./object_value.ts";

export function PhotoFact(props: FieldProps) {
  const { fact, path } = props;
  const form = useForm();
  const [isRetaking, setRetaking] = useState(false);
  const [error, setError] = useState("");
  const latest = useRef(0); // of two photos in a row, the second counts
  const attachment = textOf(props.value, "photo");
  const id = idOf(path);
  const fault = useFault(path);
  const help = fact.help ? localized(fact.help) : undefined;
  const store = async (source: Blob | HTMLVideoElement): Promise<boolean> => {
    const turn = ++latest.current;
    try {
      setError("");
      if (source instanceof Blob && source.type === "application/pdf") throw new Error("picture.unreadable");
      const photo = await capturePhoto(source);
      if (turn !== latest.current) return false;
      await saveDraftFile(form.caseId, photo);
      if (turn !== latest.current) return false;
      props.onChange(() => ({ photo: photo.attachment_id }));
      props.onLeave(path);
      setRetaking(false);
      return true;
    } catch (caught) {
      setError(caught instanceof Error && caught.message.startsWith("picture.") ? caught.message : errorText(caught));
      return false;
    }
  };
  const take = (source: Blob | HTMLVideoElement) => {
    const saving = store(source);
    form.saving.add(saving);
    return saving.finally(() => form.saving.delete(saving));
  };
  return (
    <fieldset class="field" id={id} tabIndex={-1} aria-describedby={describedBy(id, help, fault)}>
      <legend>
        <Title text={localized(fact.titles)} optional={!isRequired(fact)} />
      </legend>
      <HelpAndFault id={id} help={help} />
      {attachment && !isRetaking ? (
        <>
          <AttachmentPicture id={attachment} alt={localized(fact.titles)} />
          <div class="row">
            <ActionButton label={t("photo.again")} action={() => setRetaking(true)} />
            <ActionButton label={t("facts.remove")} action={() => props.onChange(() => null)} />
          </div>
        </>
      ) : (
        <CameraOrFile
          id={`${id}-file`}
          label={t("papers.camera")}
          fileLabel={t("photo.file")}
          accept="image/*"
          capture="environment"
          error={error}
          onError={setError}
          onFile={take}
          whileOn={({ video, stop }) => (
            <ActionButton kind="main" label={t("papers.shoot")} action={async () => (await take(video)) && stop()} />
          )}
        />
      )}
      <HelpAndFault id={id} fault={fault} />
    </fieldset>
  );
}
