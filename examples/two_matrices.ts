/** From two matrices, a weight before and after training: the rank of the change, and an adapter of it. */

import { hostTensor, Random } from "@lowrank/core";
import { matrixFactors, spectrum, truncateUpdate } from "@lowrank/core/analysis";
import { writeAdapter } from "@lowrank/core/formats";

// Stand-ins for two matrices of yours, (out, in): the change has two directions and some noise.
const rows = 24, columns = 16, random = new Random(1);
const before = random.uniformWithin(1, rows * columns);
const [u, v] = [random.uniformWithin(1, 2 * rows), random.uniformWithin(1, 2 * columns)];
const after = before.map((value, at) => {
  const i = Math.floor(at / columns), j = at % columns;
  return value + u[i] * v[j] + u[rows + i] * v[columns + j] + 0.01 * random.normal();
});

const change = matrixFactors(
  hostTensor([rows, columns], after.map((value, at) => value - before[at])),
  "layer.0.query",
);
const { singularValues, stableRank, energyRank99 } = spectrum(change);
console.log(
  "singular values",
  singularValues.slice(0, 4).map((value) => value.toFixed(2)).join(" "),
);
console.log(`stable rank ${stableRank.toFixed(2)}; ${energyRank99} directions hold 99%`);

const cut = truncateUpdate(change, energyRank99);
console.log(`rank ${energyRank99} misses ${(100 * cut.error.relative).toFixed(1)}% of the change`);
await writeAdapter("out/extracted", { updates: [{ ...change, A: cut.A, B: cut.B }] });
