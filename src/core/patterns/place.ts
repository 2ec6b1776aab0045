/** Positions in a text, as far as anchors see them. @module */

import { namedSets } from "./character_set.ts";
import type { Anchor } from "./syntax.ts";

/** What is on the two sides of a position. */
export interface Place {
  /** The code point before it, {@link nothing} or {@link unread}. */
  readonly before: number;
  /** The code point after it, or {@link nothing}. */
  readonly after: number;
  /** Whether nothing is after it but one line feed, or not even that. */
  readonly isLineEnd: boolean;
}

/** In the place of a code point: the text begins or ends. */
export const nothing = -1;

/** In the place of a code point: it is not known yet. */
export const unread = -2;

/** The place of a position in a text. */
export function placeIn(text: string, at: number): Place {
  const isLineEnd = at === text.length || (at === text.length - 1 && text[at] === "\n");
  return {
    before: at === 0 ? nothing : codeBefore(text, at),
    after: text.codePointAt(at) ?? nothing,
    isLineEnd,
  };
}

/** The code point that ends at a position. */
export function codeBefore(text: string, at: number): number {
  const low = text.charCodeAt(at - 1);
  const isPair = low >= 0xdc00 && low <= 0xdfff && at > 1;
  const pair = isPair ? text.codePointAt(at - 2)! : low;
  return pair > 0xffff ? pair : low;
}

/** Whether an anchor holds at a place; while the character before is unread, those of words do not. */
export function holds(anchor: Anchor, { before, after, isLineEnd }: Place): boolean {
  if (anchor === "start") return before === nothing;
  if (anchor === "end") return after === nothing;
  if (anchor === "line end") return isLineEnd;
  // In an empty text, neither holds: so it is in Python before 3.14.
  if (before === unread || (before === nothing && after === nothing)) return false;
  return (isWord(before) !== isWord(after)) === (anchor === "word boundary");
}

/** All that anchors see after a position: the same text where it is alike for them. */
export function viewAfter({ after, isLineEnd }: Place): string {
  if (after === nothing) return "end";
  return isLineEnd ? "line end" : isWord(after) ? "word" : "other";
}

const isWord = (code: number): boolean => code >= 0 && namedSets.get("w")!(code);
