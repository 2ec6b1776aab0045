/** Numbers with their nouns. @module */

/** A number and its noun: `1 step`, `2 steps`. */
export function howMany(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
