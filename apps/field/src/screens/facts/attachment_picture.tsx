// The small picture of a photo or a signature that is stored on this device.
import { useEffect, useState } from "preact/hooks";
import { t } from "../../i18n/texts.ts";
import { loadFile } from "../../store/draft_files.ts";

export function AttachmentPicture(props: { id: string; alt: string; signature?: boolean }) {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    let objectUrl = "";
    let current = true;
    void loadFile(props.id)
      .then((file) => {
        if (!current) return;
        if (file) objectUrl = URL.createObjectURL(new Blob([file.bytes], { type: file.kind }));
        setUrl(objectUrl);
      })
      .catch(() => current && setUrl("")); // the device was locked meanwhile
    return () => {
      current = false;
      URL.revokeObjectURL(objectUrl);
    };
  }, [props.id]);
  if (url === undefined) return null;
  if (!url) return <span class="quiet">{t("facts.picture_elsewhere")}</span>;
  return <img class={props.signature ? "thumbnail signature" : "thumbnail"} src={url} alt={props.alt} />;
}
