/** The changes that merging B A into W₀ makes, and the weights after unmerging. @module */

import { deltaWeight, merge, unmerge } from "../adapt/mod.ts";
import { countChangedBits, largestDifference, largestOf } from "../core/numbers.ts";
import { type DenseMatrix, denseOf } from "../linalg/mod.ts";
import { outputsOf } from "../models/outputs.ts";
import type { Lesson } from "./lesson.ts";

/** A lesson's student as one matrix. */
export interface MergedLesson {
  /** W₀ + s B A, in F32. */
  readonly matrix: DenseMatrix;
  /** Largest |output| with B A beside W₀, for the lesson's inputs. */
  readonly largest: number;
  /** Largest difference of the merged model's outputs to these. */
  readonly difference: number;
  /** Frees the merged matrix. */
  unmerge(): Promise<UnmergedLesson>;
}

/** The weights after unmerging, compared with those before. */
export interface UnmergedLesson {
  /** Number of weights. */
  readonly weights: number;
  /** Weights whose bits are not those of W₀. */
  readonly changed: number;
  /** The same count if s B A were subtracted from the merged matrix in F32. */
  readonly subtracted: number;
}

/**
 * Merges the student's adapter into a copy of its weight.
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 * import { mergeLesson, openLesson } from "@lowrank/core/lesson";
 *
 * using device = await openDevice({ kind: "reference" });
 * using lesson = await openLesson(device, { width: 2 });
 * await lesson.train(10);
 * const { changed } = await (await mergeLesson(lesson)).unmerge();
 * console.log(changed); // 0
 * ```
 */
export async function mergeLesson({ parts }: Lesson): Promise<MergedLesson> {
  const { student, adapter, base, task: { batch: { inputs } } } = parts;
  const weightOf = async (model: typeof student) =>
    (await model.device.read(model.linears[0].weight.dense()))[0];
  const apart = await outputsOf(student, inputs), [update] = await adapter.read();
  const merged = merge(student, adapter), together = await outputsOf(merged, inputs);
  const sum = await weightOf(merged), delta = deltaWeight(update);
  return {
    matrix: denseOf(sum),
    largest: largestOf(apart.data),
    difference: largestDifference(apart.data, together.data),
    unmerge: async () => {
      const after = await weightOf(unmerge(merged)), before = base.data as Float32Array;
      const back = Float32Array.from(sum.data, (value, i) => value - delta.data[i]);
      return {
        weights: before.length,
        changed: countChangedBits(before, after.data as Float32Array),
        subtracted: countChangedBits(before, back),
      };
    },
  };
}
