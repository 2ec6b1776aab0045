/** Text for a terminal: names and sentences of files must not command it, nor hide characters in it. @module */

/** What a variation selector or a joiner makes into another emoji. */
const emoji = "[\\p{Extended_Pictographic}\\p{Emoji_Modifier}]";

/** A letter of a script that is written with joiners, as those of Persian and Hindi. */
const joining =
  "(?![\\p{DI}\\p{sc=Latin}\\p{sc=Greek}\\p{sc=Cyrillic}\\p{sc=Inherited}])[\\p{L}\\p{M}]";

/** Characters that nobody sees and that text needs in these places: joiners, emoji, keycaps. */
const needed =
  `(?<=${emoji}\\ufe0f?|${joining})[\\u200c\\u200d]|(?<=${emoji})\\ufe0f|\\ufe0f(?=\\u20e3)`;

/**
 * Control characters (C0, DEL, C1), which move the cursor, recolor or retitle; marks of writing direction,
 * which reorder what is read; separators that some terminals break lines at; and characters that nobody
 * sees (Default_Ignorable_Code_Point), where no text needs them.
 */
const unsafe = (): RegExp =>
  compiled ??= new RegExp(`(?!${needed})[\\p{Cc}\\p{Bidi_Control}\\p{DI}\\u2028\\u2029]`, "gu");

let compiled: RegExp | undefined;

/** Almost every line: Latin, Greek, mathematics and blocks. Compiling the rules takes longer than this. */
const harmless = /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u03ff\u2010-\u2027\u2070-\u2bff]*$/;

/** One line, with every unsafe character, line feed and tab visible as `\u{9b}`. */
export function terminalLine(text: string): string {
  return harmless.test(text) ? text : text.replace(unsafe(), visible);
}

/** The same for a text of lines, whose line feeds and tabs stay. */
export function terminalText(text: string): string {
  return text.replace(/[^\n\t]+/g, (line) => terminalLine(line));
}

/** A JSON document in one line; what JSON would leave unsafe is escaped, so that it reads the same. */
export function terminalJson(document: unknown): string {
  return JSON.stringify(document).replace(unsafe(), inJson);
}

const visible = (character: string): string => `\\u{${hexadecimal(character)}}`;

const inJson = (character: string): string =>
  character.split("").map((unit) => `\\u${hexadecimal(unit).padStart(4, "0")}`).join("");

const hexadecimal = (character: string): string => character.codePointAt(0)!.toString(16);
