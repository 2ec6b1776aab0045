/** Random updates of some rows of a weight. @module */

import type { Random } from "../../src/core/random.ts";
import type { RowRange } from "../../src/formats/mod.ts";
import { gaussian } from "../../src/linalg/mod.ts";

/** An update of random A and B for some rows of a weight `(out, in)`. */
export function randomUpdate(
  module: string,
  rank: number,
  [outputs, width]: readonly [number, number],
  rows: RowRange,
  random: Random,
) {
  const factor = (rows: number, columns: number) => {
    const { data } = gaussian(rows, columns, random);
    return { shape: [rows, columns], data: new Float32Array(data) };
  };
  const [A, B] = [factor(rank, width), factor(rows.count, rank)];
  return { module, rows, outputs, A, B, scaling: 0.5 };
}
