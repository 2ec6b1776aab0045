/** GPT-2's printable alphabet: one visible character for each of the 256 bytes. @module */

/** Bytes that stand for themselves: printable ASCII and Latin-1 without the soft hyphen. */
function isPrintable(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
}

function byteCharacters(): readonly string[] {
  let unprintable = 0;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : 256 + unprintable++),
  );
}

/**
 * The character of each byte, indexed by the byte: itself if printable, else one from U+0100 on (a
 * space is `Ġ`, a newline `Ċ`). Source: GPT-2's `bytes_to_unicode`.
 */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

/** The alphabet in the order of its token ids, that of its code points: `!` is 0, as in GPT-2. */
export const BYTE_ALPHABET: readonly string[] = [...BYTE_CHARACTERS].sort();

/** The token id of each byte: its character's index in {@link BYTE_ALPHABET}. */
export const BYTE_IDS: Uint8Array = Uint8Array.from(
  BYTE_CHARACTERS,
  (character) => BYTE_ALPHABET.indexOf(character),
);
