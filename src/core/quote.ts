/** Quoting, in error messages and the commands in them, of what a stranger may have written. @module */

import { terminalLine } from "./terminal_text.ts";

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

/** The class of an instance; `undefined` for plain records, lists and what says itself how it is written. */
function className(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null || "toJSON" in value) return undefined;
  const prototype = Object.getPrototypeOf(value);
  const isPlain = prototype === null || prototype === Object.prototype || Array.isArray(value);
  return isPlain || ArrayBuffer.isView(value) ? undefined : prototype.constructor?.name;
}
