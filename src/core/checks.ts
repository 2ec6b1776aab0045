/**
 * Checks of values from outside: JSON from files that may be hostile, names of options, and the
 * suggestion of a known name for a misspelled one.
 *
 * @module
 */

import { oneLine, quote } from "./errors.ts";
import { mostNesting } from "./limits.ts";

// Records and texts.

/** True of a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** True of a text. */
export function isText(value: unknown): value is string {
  return typeof value === "string";
}

/**
 * True of a `Host` that is this machine. A page elsewhere whose name was made to lead here (DNS rebinding) names its own,
 * and would read what is served.
 */
export const isLocalHost = (host: string): boolean =>
  /^(127\.0\.0\.1|localhost)(:\d+)?$/i.test(host);

/**
 * Checks a value that may come from JSON; `what` names it in the message.
 *
 * @throws {TypeError} when it is not an object.
 */
export function assertRecord(what: string, value: unknown): void {
  if (!isRecord(value)) throw new TypeError(`${what} must be an object, found ${quote(value)}`);
}

// JSON of files that a stranger may have written.

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of UTF-8 bytes, with every character that they have.
 *
 * @throws {SyntaxError} when they are not UTF-8.
 */
export function decodeText(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new SyntaxError("it is not UTF-8");
  }
}

/**
 * Parses JSON in time linear in it. Messages give the reason alone.
 *
 * @throws {SyntaxError} when it is not UTF-8 or not JSON, begins with a byte order mark, or is nested
 * more than 512 deep.
 */
export function parseJson(bytes: Uint8Array): unknown {
  assertNesting(bytes);
  const text = decodeText(bytes);
  if (text.startsWith("\ufeff")) throw new SyntaxError("it begins with a byte order mark");
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(oneLine((error as Error).message));
  }
}

/**
 * Parses JSON that a person has written for us: a name that occurs twice in an object is a mistake, where
 * `JSON.parse` takes the last and drops the others.
 *
 * @throws {SyntaxError} As {@link parseJson}, and when a name occurs twice.
 */
export function parseUniqueJson(bytes: Uint8Array): unknown {
  const value = parseJson(bytes), twice = duplicateKey(decodeText(bytes));
  if (twice === undefined) return value;
  throw new SyntaxError(`names must be unique, found ${quote(twice)} twice`);
}

/** The value of a text inside of another file, such as a header; undefined where it is not JSON. */
export function jsonValue(text: string): unknown {
  try {
    return parseJson(new TextEncoder().encode(text));
  } catch {
    return undefined;
  }
}

/**
 * Parses the JSON of a file or an address, which errors name.
 *
 * @throws {SyntaxError} As {@link parseJson}, or as another parser that is given.
 */
export function parseJsonOf(
  name: string,
  bytes: Uint8Array,
  parse: typeof parseJson = parseJson,
): unknown {
  try {
    return parse(bytes);
  } catch (error) {
    throw new SyntaxError(`cannot read ${name}: it is not JSON (${(error as Error).message})`);
  }
}

const QUOTE = 0x22, BACKSLASH = 0x5c;

/** `{` and `}` differ from `[` and `]` in one bit. */
const OPEN = 0x5b, CLOSE = 0x5d, FOLD = 0xdf;

/** Counts brackets outside of strings: what is nested in JSON is nested in this count. */
function assertNesting(bytes: Uint8Array): void {
  let depth = 0, inString = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte === QUOTE) inString = !inString;
    else if (inString) i += Number(byte === BACKSLASH);
    else if ((byte & FOLD) === OPEN) depth++;
    else if ((byte & FOLD) === CLOSE) depth--;
    if (depth > mostNesting) throw new SyntaxError(`it is nested more than ${mostNesting} deep`);
  }
}

/** The first name that occurs twice in one object of a valid JSON text, if any. */
export function duplicateKey(text: string): string | undefined {
  const objects: Set<string>[] = [], colon = /\s*:/y;
  for (const { token, end } of jsonTokens(text, /["{}]/)) {
    if (token === "{") objects.push(new Set());
    else if (token === "}") objects.pop();
    else if ((colon.lastIndex = end, colon.test(text))) {
      const name: string = token.includes("\\") ? JSON.parse(token) : token.slice(1, -1);
      const names = objects[objects.length - 1];
      if (names.has(name)) return name;
      names.add(name);
    }
  }
}

/**
 * The matches of a pattern in a valid JSON text: nothing inside of strings, and whole strings where it matches their
 * quotation mark. A pattern for strings themselves would overflow the stack at a million escapes.
 */
export function* jsonTokens(
  text: string,
  pattern: RegExp,
): Generator<{ readonly token: string; readonly end: number }> {
  const next = new RegExp(pattern, "g");
  for (let found = next.exec(text); found; found = next.exec(text)) {
    const end = found[0] === '"' ? stringEnd(text, found.index) : next.lastIndex;
    yield { token: text.slice(found.index, end), end };
    next.lastIndex = end;
  }
}

/** The end of a string that begins at a quotation mark: the next one not behind an odd number of backslashes. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1);; at = text.indexOf('"', at + 1)) {
    let slashes = 0;
    while (text[at - 1 - slashes] === "\\") slashes++;
    if (slashes % 2 === 0) return at + 1;
  }
}

// Names.

/**
 * The known name that a wrong one stands for: the same word in another spelling (`learning_rate`,
 * `lora_alpha`), its initials (`lr`), its beginning (`r`), or a typing error (`alhpa`).
 */
export function nearestName(wrong: string, known: readonly string[]): string | undefined {
  const word = plain(wrong), most = Math.floor(word.length / 3);
  if (word === "" || wrong.length > 40) return undefined;
  const byDistance = known.map((name) => ({ name, distance: distanceOf(word, plain(name)) }))
    .filter(({ distance }) => distance <= most)
    .sort((a, b) => a.distance - b.distance);
  return known.find((name) => plain(name) === word) ??
    known.find((name) => word.length > 1 && initials(name) === word) ??
    byDistance[0]?.name ?? known.find((name) => plain(name).startsWith(word));
}

/** `learning_rate` and `learningRate` are the same word, and so are `lora_alpha` and `alpha`. */
const plain = (name: string) => name.toLowerCase().replaceAll(/[_-]/g, "").replace(/^lora/, "");

const initials = (name: string) =>
  (name[0] + name.slice(1).replaceAll(/[^A-Z]/g, "")).toLowerCase();

/** Insertions, deletions, changes and swaps of neighbors between two words (Damerau 1964). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [], last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = last[j - 1] + Number(a[i - 1] !== b[j - 1]);
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, change);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwap) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length];
}

// Options.

/** The name of every option, as fields, so that the compiler keeps the list complete. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Throws unless options are a record of known names.
 *
 * @param what Name of the function that takes the options: `injectLora`.
 * @throws {TypeError} when they are not; the message says which name may have been meant.
 */
export function assertOptions<Options extends object>(
  what: string,
  options: Options,
  names: Readonly<Record<keyof Options, unknown>>,
): void {
  assertRecord(`the options of ${what}`, options);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(names, name)) continue;
    const known = Object.keys(names), meant = nearestName(name, known);
    throw new TypeError(
      `the options of ${what} are ${known.join(", ")}; found ${quote(name)}${
        meant === undefined ? "" : ` (did you mean ${meant}?)`
      }`,
    );
  }
}

/** The options of these names, of a record that has others too. */
export function pickOptions<Options extends object>(
  options: Options,
  names: OptionNames<Options>,
): Options {
  const own = Object.entries(options).filter(([name]) => Object.hasOwn(names, name));
  return Object.fromEntries(own) as Options;
}

/**
 * Refuses unknown options by name, in one sentence that suggests the closest known one; the message
 * of `parseArgs` is long and suggests none.
 *
 * @throws {RangeError} when an argument names an option that is not known.
 */
export function assertKnownOptions(args: readonly string[], known: readonly string[]): void {
  for (const arg of args) {
    const name = /^--(.*?)(=|$)/.exec(arg)?.[1];
    if (!name || known.includes(name)) continue;
    const meant = nearestName(name, known);
    throw new RangeError(
      `there is no option --${name}${meant ? ` (did you mean --${meant}?)` : ""}`,
    );
  }
}
