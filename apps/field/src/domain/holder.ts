// The holder in a document's stamp: as printed, but so short that a code can hold it.
// The same as shorten_holder in intake.domain.document_status.

const MAX_BYTES = 200; // in UTF-8
const SHORTENED = "…";

const bytesOf = (text: string): number => new TextEncoder().encode(text).length;

/** Whole letters with their accents, and a visible sign. */
export function shortenHolder(printed: string): string {
  if (bytesOf(printed) <= MAX_BYTES) return printed;
  const room = MAX_BYTES - bytesOf(SHORTENED);
  const letters = Array.from(printed);
  let end = 0;
  for (let size = 0; end < letters.length; end++) {
    size += bytesOf(letters[end]!);
    if (size > room) break;
  }
  while (end > 0 && /^\p{M}/u.test(letters[end]!)) end--; // the accents that follow belong to the letter before them
  return letters.slice(0, end).join("").replace(/ +$/, "") + SHORTENED;
}
