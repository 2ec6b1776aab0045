/** How error messages show what a stranger may have written. @module */

/** Most characters of a value or a name in a message. */
const mostShown = 120;

/**
 * Characters that move a terminal's cursor, turn its text around or break a line: control characters,
 * directional marks, line and paragraph separators.
 */
// deno-lint-ignore no-control-regex -- these are what must not be there
const steering = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/**
 * A value as JSON on one line, cut after 120 characters: `3`, `"c_attn"`, `[1,2]`, or `nothing` if it is
 * undefined.
 */
export function quote(value: unknown): string {
  return oneLine(textOf(value));
}

/** A text on one line, cut after 120 characters, with `\u001b` in place of an escape character. */
export function oneLine(text: string): string {
  const shown = text.length > mostShown ? text.slice(0, mostShown - 1) + "…" : text;
  return shown.toWellFormed().replace(steering, escaped);
}

const notJson = "a value that is not JSON";

function textOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value) ?? notJson;
  } catch {
    return notJson;
  }
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
