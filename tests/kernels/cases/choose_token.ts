/** Cases of choosing a token: the ids must be those of the reference, bit for bit. @module */

import { chooseTokenKernel } from "../../../kernels/mod.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals } from "./values.ts";

interface Choice {
  readonly rows: number;
  readonly temperature: number;
  readonly kept: number;
}

function chooseCase(name: string, logits: Float32Array, choice: Choice): KernelCase {
  const { rows, temperature, kept } = choice, vocabulary = logits.length / rows;
  return {
    name: `${name}, ${rows} x ${vocabulary}, temperature ${temperature}, ${kept} kept`,
    kernel: chooseTokenKernel,
    buffers: { logits, ids: rows },
    scalars: { ...choice, vocabulary, temperature: Math.fround(temperature), seed: 77 },
    bound: () => ({}),
  };
}

/** Few distinct values of both signs, the two zeros among them, so that most tokens are tied. */
const tied = (seed: number, length: number) =>
  normals(seed, length, 2).map((value) => Math.trunc(value) / 2);

const sizes = (vocabulary: number) => [1, 2, vocabulary >> 1, vocabulary - 1, vocabulary];

function casesOf(vocabulary: number): KernelCase[] {
  const rows = 3, plain = normals(vocabulary, rows * vocabulary, 3);
  const equal = tied(vocabulary, rows * vocabulary);
  const kept = [...new Set(sizes(vocabulary))].filter((count) => count > 0);
  return [
    chooseCase("normal", plain, { rows, temperature: 0, kept: vocabulary }),
    chooseCase("tied", equal, { rows, temperature: 0, kept: vocabulary }),
    ...kept.flatMap((kept) => [
      chooseCase("normal", plain, { rows, temperature: 0.7, kept }),
      chooseCase("tied", equal, { rows, temperature: 1.5, kept }),
    ]),
  ];
}

/** The second row has them. */
const infinite = [Infinity, -Infinity].flatMap((value) =>
  [0, 1].map((temperature) =>
    chooseCase(
      `with ${value}`,
      normals(5, 3 * 17).with(20, value).with(25, -value),
      { rows: 3, temperature, kept: 4 },
    )
  )
);

/** All of them; 5003 tokens take more threads than 1000. */
export const chooseTokenCases: readonly KernelCase[] = [
  ...[...awkward, 255, 1000, 5003].flatMap(casesOf),
  ...infinite,
];
