/** The texts that a run has right, as rows keep them. @module */

/** A digit for each four texts, so that thousands fit into a row. */
export const hexOf = (right: readonly boolean[]): string =>
  Array.from({ length: Math.ceil(right.length / 4) }, (_, place) => {
    const four = bits.map((bit, i) => right[4 * place + i] ? bit : 0);
    return four.reduce((sum, bit) => sum + bit).toString(16);
  }).join("");

/** True for each of the texts that is right. */
export const answersIn = (hex: string, texts: number): boolean[] =>
  [...hex].flatMap((digit) => bits.map((bit) => (parseInt(digit, 16) & bit) > 0)).slice(0, texts);

const bits = [8, 4, 2, 1];
