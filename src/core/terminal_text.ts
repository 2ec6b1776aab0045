/** Text for a terminal: names and sentences of files must not command it, nor look like others. @module */

/**
 * Control characters (C0, DEL, C1), which move the cursor, recolor or retitle; marks of writing direction,
 * which reorder what is read; separators that some terminals break lines at; and the byte order mark, which
 * nobody sees.
 */
const unsafe = /[\p{Cc}\p{Bidi_Control}\u2028\u2029\ufeff]/gu;

const unsafeInLines = new RegExp(`(?![\n\t])${unsafe.source}`, "gu");

/** One line, with every unsafe character, line feed and tab visible as `\u{9b}`. */
export function terminalLine(text: string): string {
  return text.replace(unsafe, visible);
}

/** The same for a text of lines, whose line feeds and tabs stay. */
export function terminalText(text: string): string {
  return text.replace(unsafeInLines, visible);
}

/** A JSON document in one line; what JSON would leave unsafe is escaped, so that it reads the same. */
export function terminalJson(document: unknown): string {
  return JSON.stringify(document).replace(
    unsafe,
    (character) => `\\u${hexadecimal(character).padStart(4, "0")}`,
  );
}

const visible = (character: string): string => `\\u{${hexadecimal(character)}}`;

const hexadecimal = (character: string): string => character.codePointAt(0)!.toString(16);
