/**
 * Errors and the text in them: the classes that callers may want to catch, the options that errors
 * are about, quoting of strings from files, and text that cannot control a terminal.
 *
 * @module
 */

// Classes of errors.

/** Shapes that do not fit each other. */
export class ShapeError extends RangeError {
  /** The class's name. */
  override name = "ShapeError";
}

/** A device that cannot be opened, is out of memory, or failed while it ran a kernel. */
export class DeviceError extends Error {
  /** The class's name. */
  override name = "DeviceError";
}

/** An adapter folder that is missing, broken, or asks for something that we do not support. */
export class AdapterFileError extends Error {
  /** The class's name. */
  override name = "AdapterFileError";
  readonly #reason: string;

  /**
   * Makes an error.
   *
   * @param options Its cause, and what is wrong without the folder, where the message names one.
   */
  constructor(
    message: string,
    { reason = message, ...options }: ErrorOptions & { readonly reason?: string } = {},
  ) {
    super(message, options);
    this.#reason = reason;
  }

  /** The message without the folder. */
  get reason(): string {
    return this.#reason;
  }
}

// Options that errors are about.

/** An option that the sentence of an error is about, for callers who call it otherwise. */
export interface SaidOption {
  /** The option of our functions; `adapter` is the one to inject. */
  readonly option: "allow" | "dtype" | "maxNewTokens" | "adapter";
  /** The value that is advised, if one is. */
  readonly value?: string;
  /** The words of the sentence that say so, in place of which a caller may say its own. */
  readonly words: string;
}

/** No field of errors, whose classes are public and differ. */
const said = new WeakMap<Error, readonly SaidOption[]>();

/** An error with the options that its sentence is about. */
export function about<E extends Error>(error: E, ...options: readonly SaidOption[]): E {
  said.set(error, options);
  return error;
}

/** The options that the sentence of an error is about, which may repeat that of its cause. */
export function optionsSaidBy(error: unknown): readonly SaidOption[] {
  if (!(error instanceof Error)) return [];
  return said.get(error) ?? optionsSaidBy(error.cause);
}

// Text for a terminal.

/** Characters that a variation selector or a joiner turns into another emoji. */
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

// Quoting.

/** Most characters of a value or a name in a message. */
const mostShown = 120;

/**
 * A value as JSON on one line, cut after 120 characters: `3`, `"c_attn"`, `[1,2]`, or `nothing` if it is
 * undefined. Of an instance, such as a model, its class.
 */
export function quote(value: unknown): string {
  return oneLine(textOf(value));
}

/** A text cut after 120 characters, on one line that no terminal takes for a command. */
export function oneLine(text: string): string {
  const shown = text.length > mostShown ? text.slice(0, mostShown - 1) + "…" : text;
  return terminalLine(shown.toWellFormed());
}

/** A text as one word of a POSIX shell, whatever is in it: every command that we advise is made of such words. */
export function shellWord(text: string): string {
  return /^[\w./:@%+,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

const notJson = "a value that is not JSON";

function textOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value);
  const type = className(value);
  if (type !== undefined) return `an object of class ${type}`;
  try {
    return JSON.stringify(value) ?? notJson;
  } catch {
    // A circle, or nested deeper than the engine can follow.
    return notJson;
  }
}

/**
 * The class of an instance; `undefined` for plain records, lists and objects with a text form of
 * their own.
 */
function className(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || "toJSON" in value) return undefined;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype || Array.isArray(value);
  return isPlain || ArrayBuffer.isView(value) ? undefined : prototype.constructor?.name;
}
