/** Seeds as captions name them. @module */

/** The seeds of rows, rising, each once: `1, 2, 3`. */
export function seedList(rows: readonly { readonly seed: number }[]): string {
  return [...new Set(rows.map(({ seed }) => seed))].sort((a, b) => a - b).join(", ");
}
