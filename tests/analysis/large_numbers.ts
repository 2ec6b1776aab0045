/**
 * Prints numbers of updates large enough for LAPACK, and who computed them, as JSON:
 * `both_paths_parts_test.ts` runs it with and without.
 *
 * @module
 */

import {
  amplification,
  inActivationMetric,
  intruders,
  principalAngles,
  rightDirections,
  similarityGrid,
  spectrum,
  toTensor,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { backendFor } from "../../src/linalg/linalg.ts";
import {
  type DenseMatrix,
  leadingSvd,
  multiply,
  symmetricEigen,
  transposed,
} from "../../src/linalg/mod.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

const random = new Random(12);

/** Rows that get smaller: a spectrum without near values, whose vectors are well determined. */
function falling(rows: number, columns: number, ratio: number): DenseMatrix {
  const matrix = gaussian(rows, columns, random);
  return {
    ...matrix,
    data: matrix.data.map((value, at) => value * ratio ** Math.floor(at / columns)),
  };
}

const update = (out: number, inner: number, rank: number) => ({
  A: toTensor(gaussian(rank, inner, random)),
  B: toTensor(transposed(falling(rank, out, 0.8))),
  scaling: 0.5,
});

const one = update(600, 500, 24), two = update(600, 500, 16);
const [a, b] = [one, two].map(updateDirections);
const activations = gaussian(700, 500, random);
const small = update(160, 150, 4), weight = falling(160, 150, 0.97);
// More values than are read at once.
const large = multiply(transposed(falling(30, 1100, 0.6)), gaussian(30, 1050, random));
const f32 = { ...large, data: new Float32Array(large.data) };

console.log(JSON.stringify({
  backend: backendFor(Infinity).name,
  numbers: {
    singularValues: spectrum(one).singularValues,
    phiOnA: similarityGrid(rightDirections(one.A), rightDirections(two.A)).flat(),
    phiLeft: similarityGrid(a.left, b.left).flat(),
    phiRight: similarityGrid(a.right, b.right).flat(),
    angles: principalAngles(a.right, b.right),
    metric: spectrum(inActivationMetric(one, { activations })).singularValues,
    eigenvalues: [...symmetricEigen(multiply(transposed(weight), weight)).values],
    amplification: Object.values(amplification(update(1100, 1050, 4), f32, { seed: 1 })),
    leading: [...leadingSvd(f32, 6, { seed: 1 }).values],
    intruders: intruders(small, weight).directions.flatMap((each) => Object.values(each)),
  },
}));
