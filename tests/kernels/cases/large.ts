/** Cases that several threads share and that exceed every block of the kernels. @module */

import type { KernelCase } from "../kernel_case.ts";
import { crossEntropyCase } from "./cross_entropy.ts";
import { dropoutCase, scaleAddCase } from "./elementwise.ts";
import { dequantizeCase, matmulFourBitCase } from "./four_bit.ts";
import { geluCase } from "./gelu.ts";
import { forwardCase, parametersCase } from "./layer_norm.ts";
import { matmulCase } from "./matmul.ts";
import { columnsCase, squaresCase } from "./reduce.ts";
import { backwardCase, cacheCase, fusedCase, sights } from "./attention.ts";
import { packedBackwardCase, packedCase } from "./attention_packed.ts";

/** Several tiles of 256 keys and of as many queries; of 258, the last two are a few. */
const tiles = sights.flatMap((sight) => [
  fusedCase({ batch: 1, heads: 1, headWidth: 16, time: 600 }, sight),
  ...[5, 258].map((queries) =>
    cacheCase({ batch: 1, heads: 1, headWidth: 8, time: 0 }, sight, queries, 600)
  ),
]);

/** Wider than the kernels on WebGPU have registers for; the last with several tiles of the backward. */
const wide = [[256, 20], [512, 20], [512, 60]].flatMap(([headWidth, time]) =>
  [fusedCase, backwardCase].map((caseOf) =>
    caseOf({ batch: 1, heads: 1, headWidth, time }, { causal: 1, hasMask: 1 })
  )
);

/** Packed sequences of several tiles, beside some of a few tokens, and wide ones. */
const packed = [0, 1].flatMap((causal) => [
  packedCase({ lengths: [600, 5, 258], heads: 1, headWidth: 16 }, causal),
  packedBackwardCase({ lengths: [300, 1, 140], heads: 2, headWidth: 24 }, causal),
  packedCase({ lengths: [20, 60], heads: 1, headWidth: 512 }, causal),
  packedBackwardCase({ lengths: [20, 60], heads: 1, headWidth: 512 }, causal),
]);

const heads = { batch: 2, heads: 3, headWidth: 24, time: 300 };

/** All of them. */
export const largeCases: readonly KernelCase[] = [
  matmulCase(500, 40, 9, { transposeA: 1, transposeB: 1 }),
  matmulCase(3, 2000, 130, { transposeB: 1 }),
  scaleAddCase(100_003, 1, 5),
  dropoutCase(50_001, 0.2, 1, 99),
  dequantizeCase(100_003, 64, 5),
  matmulFourBitCase([3, 900, 300], 64, 1),
  geluCase(50_001, 0),
  geluCase(50_001, 1),
  forwardCase(100, 300, 0),
  parametersCase(300, 130, 0),
  columnsCase(300, 700, 1),
  squaresCase(100_001, 1),
  crossEntropyCase(50, 1100, 0.1),
  fusedCase(heads, { causal: 1, hasMask: 1 }),
  backwardCase(heads, { causal: 1, hasMask: 1 }),
  ...tiles,
  ...wide,
  ...packed,
];
