/** How error messages show what a stranger may have written. @module */

import { terminalLine } from "./terminal_text.ts";

/** Most characters of a value or a name in a message. */
const mostShown = 120;

/**
 * A value as JSON on one line, cut after 120 characters: `3`, `"c_attn"`, `[1,2]`, or `nothing` if it is
 * undefined.
 */
export function quote(value: unknown): string {
  return oneLine(textOf(value));
}

/** A text cut after 120 characters, on one line that no terminal takes for a command. */
export function oneLine(text: string): string {
  const shown = text.length > mostShown ? text.slice(0, mostShown - 1) + "…" : text;
  return terminalLine(shown.toWellFormed());
}

const notJson = "a value that is not JSON";

function textOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value) ?? notJson;
  } catch {
    // A circle, or nested deeper than the engine can follow.
    return notJson;
  }
}
