import "../support/open_lapack.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  activationsOf,
  gaussianSimilarity,
  inActivationMetric,
  type LowRankFactors,
  meanSimilarity,
  randomSimilarity,
  rightDirections,
  ShapeError,
  toTensor,
  updateDirections,
  updateSvd,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import {
  gaussian,
  identity,
  multiply,
  multiplyTransposed,
  transposed,
} from "../../src/linalg/mod.ts";
import { assertAllClose } from "../support/all_close.ts";

Deno.test("inputs that have the second moment S give what S itself gives", () => {
  const random = new Random(1), X = gaussian(20, 6, random), S = multiply(transposed(X), X);
  const [A, B] = [gaussian(3, 6, random), gaussian(6, 3, random)].map(toTensor);
  const [ours, theirs] = [{ activations: activationsOf(S) }, { secondMoment: S }]
    .map((statistics) => updateSvd(inActivationMetric({ A, B, scaling: 1 }, statistics)));
  assertAllClose(ours.values, theirs.values, { relative: 1e-12 });
  const overlap = multiplyTransposed(ours.left, theirs.left).data;
  assertAllClose(overlap.map(Math.abs), identity(3).data, { absolute: 1e-10 });
});

Deno.test("a second moment has to be square and without negative eigenvalues", () => {
  const matrix = (rows: number, columns: number, ...data: number[]) => {
    return { rows, columns, data: Float64Array.from(data) };
  };
  assertThrows(() => activationsOf(matrix(1, 2, 1, 1)), ShapeError, "must have shape [2, 2]");
  assertThrows(() => activationsOf(matrix(2, 2, 1, 0, 0, -1)), RangeError, "found -1");
});

Deno.test("Gaussian updates share max(i, j) / d in A, and more where inputs have few directions", () => {
  const options = { shape: [64, 64], ranks: [4, 16], seed: 1 } as const;
  const ofA = ({ A }: LowRankFactors) => rightDirections(A);
  const chance = Array.from(
    { length: 4 },
    (_, i) => Array.from({ length: 16 }, (_, j) => randomSimilarity(i + 1, j + 1, 64).mean),
  );
  const control = gaussianSimilarity(ofA, options);
  assertAllClose(control.flat(), chance.flat(), { relative: 0, absolute: 0.05 });
  const steep = identity(64).data.map((value, at) => value / (1 + at % 64) ** 2);
  const activations = activationsOf({ ...identity(64), data: steep });
  const seen = gaussianSimilarity(
    (update) => updateDirections(inActivationMetric(update, { activations })).right,
    options,
  );
  assert(seen[3][3] > 4 * chance[3][3], `φ(4, 4) is ${seen[3][3]}`);
  assertEquals(control, gaussianSimilarity(ofA, options));
});

Deno.test("a mean of grids covers what all of them have", () => {
  assertEquals(meanSimilarity([[[1, 2], [3, 4]], [[3, 4]]]), [[2, 3]]);
});
