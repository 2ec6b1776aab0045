import "../support/open_lapack.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  activationsOf,
  gaussianSimilarity,
  inActivationMetric,
  inputSpread,
  type InputStatistics,
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

/** Inputs whose mean is many times as large as what varies. */
function offsetInputs(tokens: number, width: number) {
  const x = gaussian(tokens, width, new Random(9));
  return { ...x, data: x.data.map((value, at) => value + (at % width < 8 ? 20 : 0)) };
}

Deno.test("inputs that are mostly their mean make Gaussian updates alike, and say so; centered they do not", () => {
  const activations = offsetInputs(200, 32);
  const options = { shape: [32, 32], ranks: [2, 8], seed: 1 } as const;
  const shared = (inputs: InputStatistics) =>
    gaussianSimilarity(
      (update) => updateDirections(inActivationMetric(update, inputs)).right,
      options,
    )[0][0];
  const spread = inputSpread({ activations }), own = inputSpread({ activations, centered: true });
  assert(shared({ activations }) > 0.8);
  assert(shared({ activations, centered: true }) < 0.2);
  assert(spread.participationRatio < 1.1 && spread.firstShare > 0.95);
  assertEquals(
    spread.note,
    `one direction holds ${
      (100 * spread.firstShare).toFixed(0)
    }% of the inputs' second moment (participation ratio ` +
      `${
        spread.participationRatio.toFixed(1)
      } of 32), so that in their metric even random updates look alike`,
  );
  assert(own.participationRatio > 20 && own.firstShare < 0.1);
  assertEquals(own.note, undefined);
});

Deno.test("centered inputs give what their covariance gives", () => {
  const activations = offsetInputs(40, 6), { rows, columns, data } = activations;
  const mean = Array.from(
    { length: columns },
    (_, j) => data.reduce((sum, value, at) => at % columns === j ? sum + value : sum, 0) / rows,
  );
  const rest = { ...activations, data: data.map((value, at) => value - mean[at % columns]) };
  const S = multiply(transposed(rest), rest);
  const covariance = { ...S, data: S.data.map((value) => value / rows) };
  const random = new Random(1), [A, B] = [gaussian(3, 6, random), gaussian(6, 3, random)];
  const update = { A: toTensor(A), B: toTensor(B), scaling: 1 };
  const [ours, theirs] = [{ activations, centered: true }, { secondMoment: covariance }]
    .map((inputs) => updateSvd(inActivationMetric(update, inputs)).values);
  assertAllClose(ours, theirs, { relative: 1e-9 });
  const [one, other] = [{ activations, centered: true }, { secondMoment: covariance }].map(
    inputSpread,
  );
  assertAllClose(Object.values(one), Object.values(other), { relative: 1e-9 });
});

Deno.test("the spread of inputs that are zero is 0, and a moment has to be square", () => {
  const zero = inputSpread({ secondMoment: { rows: 2, columns: 2, data: new Float64Array(4) } });
  assertEquals(zero, { dimensions: 2, participationRatio: 0, firstShare: 0 });
  const flat = { rows: 1, columns: 2, data: Float64Array.of(1, 1) };
  assertThrows(() => inputSpread({ secondMoment: flat }), ShapeError, "found [1, 2]");
});

Deno.test("a mean of grids covers what all of them have", () => {
  assertEquals(meanSimilarity([[[1, 2], [3, 4]], [[3, 4]]]), [[2, 3]]);
});
