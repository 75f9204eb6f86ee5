// Texts in a document's stamp: as printed, but so short that a code can hold them.
// The same as shorten in intake.domain.document_status.

// in UTF-8
export const HOLDER_MAX_BYTES = 200;
export const KIND_MAX_BYTES = 120;
export const MAIN_MAX_BYTES = 300;
const SHORTENED = "…";

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Whole letters with their accents, and a visible sign. */
export function shorten(printed: string, maxBytes: number): string {
  if (bytesOf(printed) <= maxBytes) return printed;
  const room = maxBytes - bytesOf(SHORTENED);
  const letters = Array.from(printed);
  let end = 0;
  for (let size = 0; end < letters.length; end++) {
    size += bytesOf(letters[end]!);
    if (size > room) break;
  }
  while (end > 0 && /^\p{M}/u.test(letters[end]!)) end--; // the accents that follow belong to the letter before them
  return letters.slice(0, end).join("").replace(/ +$/, "") + SHORTENED;
}
