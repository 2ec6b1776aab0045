/** What somebody meant who wrote a name that does not exist. @module */

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
