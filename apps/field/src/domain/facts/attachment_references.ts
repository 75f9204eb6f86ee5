// References to attachments of the case. The key tells a photo from a signature.
import { type AttachmentKind, isObject, type JsonObject, type JsonValue, partOf } from "./definition.ts";
import { FactFault, WRONG_TYPE } from "./fault.ts";
import { checkTyped, unknownKey } from "./texts.ts";

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** `{photo: id}` or `{signature: id}`; the id of the attachment is a UUID. */
export function checkAttachment(value: JsonValue, kind: AttachmentKind): JsonObject | FactFault {
  if (!isObject(value)) return WRONG_TYPE;
  if (!Object.hasOwn(value, kind)) return new FactFault(`${kind}.needed`);
  const unknown = unknownKey(value, [kind]);
  if (unknown) return unknown;
  const text = checkTyped(partOf(value, kind));
  if (text instanceof FactFault) return text.inside(kind);
  const attachment = text.replaceAll(/[A-F]/g, (letter) => letter.toLowerCase());
  return ID.test(attachment) ? { [kind]: attachment } : new FactFault(`${kind}.needed`);
}
