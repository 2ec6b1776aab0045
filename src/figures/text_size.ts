/** An estimate of the width of a line of text, without the font. @module */

/** Widths as shares of the font's size, slightly more than Helvetica's, so that wider fonts fit too. */
const widths: readonly (readonly [pattern: RegExp, width: number])[] = [
  [/[ijl.,:;'|!\[\]()ftI /]/, 0.33],
  [/[mwMW%@—]/, 0.95],
  [/[A-Z]/, 0.74],
];

/** Width of a line in pixels, in a font of this size. */
export function textWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) {
    width += widths.find(([pattern]) => pattern.test(character))?.[1] ?? 0.6;
  }
  return width * size;
}

/** Breaks a text at spaces into lines of at most this width. */
export function wrapText(text: string, size: number, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word;
    if (lines.length > 0 && textWidth(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}
