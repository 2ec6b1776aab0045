/** Sets of characters, with the meaning that Python's `re` gives them in text. @module */

/** Tells whether a code point belongs to a set. */
export type CharacterSet = (code: number) => boolean;

/** A first and a last code point. */
export type CodeRange = readonly [first: number, last: number];

/** All characters that are not in the set. */
export const complement = (set: CharacterSet): CharacterSet => (code) => !set(code);

/** `.`: JavaScript would leave out three more characters than the line feed. */
export const notLineFeed: CharacterSet = (code) => code !== 0x0a;

const inCategory = (category: RegExp): CharacterSet => (code) =>
  category.test(String.fromCodePoint(code));

/** `str.isspace`: unlike in JavaScript, the separators U+001C to U+001F belong to it, U+FEFF does not. */
const isSpace = unionOf([[0x09, 0x0d], [0x1c, 0x1f], [0x85, 0x85]], [inCategory(/\p{Z}/u)]);

/** `\d`, `\s`, `\w` and their complements by their letter; digits and letters are those of Unicode. */
export const namedSets: ReadonlyMap<string, CharacterSet> = new Map(
  ([["d", inCategory(/\p{Nd}/u)], ["s", isSpace], ["w", inCategory(/[\p{L}\p{N}_]/u)]] as const)
    .flatMap(([letter, set]) => [[letter, set], [letter.toUpperCase(), complement(set)]]),
);

/** The set of one character. */
export const only = (character: number): CharacterSet => (code) => code === character;

/** The union of ranges and sets; a lookup takes time logarithmic in the number of ranges. */
export function unionOf(
  ranges: readonly CodeRange[],
  sets: readonly CharacterSet[],
): CharacterSet {
  const apart = mergeRanges(ranges);
  return (code) => isInRanges(apart, code) || sets.some((set) => set(code));
}

/** Sorted ranges of the same characters that neither touch nor overlap. */
function mergeRanges(ranges: readonly CodeRange[]): CodeRange[] {
  const merged: [number, number][] = [];
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function isInRanges(ranges: readonly CodeRange[], code: number): boolean {
  let low = 0, high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[middle][1] < code) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low][0] <= code;
}
