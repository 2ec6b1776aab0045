/** Input that cannot be analyzed is refused in a sentence that names the module. */

import { assertEquals, assertThrows } from "@std/assert";
import {
  amplification,
  energyRank,
  type HostTensor,
  inActivationMetric,
  intruders,
  type LowRankUpdate,
  principalAngles,
  randomSimilarity,
  rankForError,
  rightDirections,
  similarityGrid,
  spectrum,
  toTensor,
  truncateUpdate,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import { leadingSvd, multiply, symmetricEigen } from "../../src/linalg/mod.ts";
import { gaussian } from "../../src/linalg/gaussian.ts";

const random = new Random(1), name = "h.3.attn.c_attn";

const ones = (...shape: number[]): HostTensor => {
  return {
    shape,
    data: new Float32Array(shape.reduce((product, extent) => product * extent, 1)).fill(1),
  };
};

const draw = (rows: number, columns: number) => toTensor(gaussian(rows, columns, random));

const good: LowRankUpdate = { module: name, A: draw(2, 5), B: draw(4, 2), scaling: 1 };

function withValue(matrix: HostTensor, at: number, value: number): HostTensor {
  return { ...matrix, data: Float64Array.from(matrix.data, (old, i) => i === at ? value : old) };
}

Deno.test("factors: shapes, ranks and values", () => {
  const of = `of the update of ${name}`;
  const cases: [Partial<LowRankUpdate>, string][] = [
    [{ A: withValue(good.A, 7, NaN) }, `A ${of} must have finite values, found NaN at [1, 2]`],
    [
      { B: withValue(good.B, 0, -Infinity) },
      `B ${of} must have finite values, found -Infinity at [0, 0]`,
    ],
    [
      { A: ones(3, 5) },
      `A and B of ${name} must be (rank, in) and (out, rank), found [3, 5] and [4, 2]`,
    ],
    [
      { A: ones(6, 5), B: ones(4, 6) },
      `the rank ${of} must not be above both its sides, found rank 6 for [4, 5]`,
    ],
    [
      { A: ones(0, 5), B: ones(4, 0) },
      `A and B of ${name} must be (rank, in) and (out, rank), found [0, 5] and [4, 0]`,
    ],
    [
      { A: ones(2, 5, 1) },
      `A and B of ${name} must be (rank, in) and (out, rank), found [2, 5, 1] and [4, 2]`,
    ],
    [
      { A: ones(2, 0) },
      `A and B of ${name} must be (rank, in) and (out, rank), found [2, 0] and [4, 2]`,
    ],
    [
      { A: { shape: [2, 5], data: new Float32Array(9) } },
      `A of ${name} must have 10 values for [2, 5], found 9`,
    ],
    [
      { A: { shape: [2, 5], data: new Int32Array(10) } },
      `A ${of} must hold floating-point values, found integers`,
    ],
    [{ scaling: NaN }, `the scaling of ${name} must be finite in F32, found NaN`],
  ];
  for (const [change, sentence] of cases) {
    const factors = { ...good, ...change };
    for (
      const analyse of [spectrum, updateDirections, (bad: LowRankUpdate) => truncateUpdate(bad, 1)]
    ) {
      assertThrows(() => analyse(factors), Error, sentence);
    }
    const { A, B, scaling } = factors;
    assertThrows(() => spectrum({ A, B, scaling }), Error, "of the update ");
  }
});

Deno.test("a rank between the sides is no error: a head of few outputs", () => {
  const head = { A: draw(4, 9), B: draw(2, 4), scaling: 1 };
  assertEquals(spectrum(head).singularValues.length, 2);
});

Deno.test("a product that F32 factors cannot hold is not truncated to infinity", () => {
  const huge = (...shape: [number, number]) => {
    return { shape, data: new Float32Array(shape[0] * shape[1]).fill(3e38) };
  };
  assertThrows(
    () => truncateUpdate({ ...good, A: huge(2, 5), B: huge(4, 2) }, 1),
    RangeError,
    `the factors of the update of ${name} must be finite in F32, found a singular value of`,
  );
});

Deno.test("directions of a zero update do not exist", () => {
  const zero = { ...good, B: { shape: [4, 2], data: new Float32Array(8) } };
  assertThrows(() => updateDirections(zero), RangeError, `the update of ${name} must not be zero`);
  assertThrows(
    () => rightDirections({ shape: [1, 3], data: new Float32Array(3) }, name),
    RangeError,
    name,
  );
});

Deno.test("weights and statistics must fit the update", () => {
  const shape = `the weight of the update of ${name} must have its shape [4, 5], found [5, 4]`;
  assertThrows(() => amplification(good, ones(5, 4), { seed: 1 }), RangeError, shape);
  assertThrows(() => intruders(good, ones(5, 4)), RangeError, shape);
  const bad = withValue(ones(4, 5), 6, NaN);
  assertThrows(() => amplification(good, bad, { seed: 1 }), RangeError, name);
  assertThrows(() => intruders(good, bad), RangeError, "found NaN at [1, 1]");
  const ranks = `of the update of ${name} takes 1 … 2 directions, found 3`;
  assertThrows(() => amplification(good, ones(4, 5), { seed: 1, rank: 3 }), RangeError, ranks);
  const moment = `second moment of the update of ${name} must have shape [5, 5], found [4, 5]`;
  assertThrows(() => inActivationMetric(good, { secondMoment: ones(4, 5) }), RangeError, moment);
  assertThrows(
    () => inActivationMetric(good, { activations: ones(9, 4) }),
    RangeError,
    "5 values each",
  );
  const negative = { rows: 5, columns: 5, data: new Float64Array(25).fill(0) };
  negative.data[0] = 1;
  negative.data[6] = -1;
  assertThrows(() => inActivationMetric(good, { secondMoment: negative }), RangeError, "found -1");
});

Deno.test("numbers out of range", () => {
  assertThrows(() => energyRank([1], 0), RangeError, "found 0");
  assertThrows(() => rankForError([1], 1), RangeError, "found 1");
  assertThrows(() => randomSimilarity(3, 9, 8), RangeError, "found 3 and 9");
  assertThrows(
    () => truncateUpdate(good, 0),
    RangeError,
    `the update of ${name} needs a rank of at least 1`,
  );
  const [one, two] = [3, 4].map((d) => rightDirections(gaussian(2, d, random)));
  assertThrows(() => similarityGrid(one, two), RangeError, "found 3 and 4 dimensions");
  assertThrows(() => principalAngles(one, two), RangeError, "found 3 and 4 dimensions");
  assertThrows(() => multiply(one, two), RangeError, "one inner size");
  assertThrows(() => symmetricEigen(one), RangeError, "must be square, found 2 x 3");
  assertThrows(() => leadingSvd(one, 3, { seed: 1 }), RangeError, "1 … 2, found 3");
});
