/**
 * Faults of models and of all that is above them, in the order of the layers. Each is a slip that a review may miss: a
 * bound off by one, a release that is forgotten, the wrong one of two counts.
 *
 * @module
 */

import { type Fault, fault } from "../fault.ts";

/** Faults of autograd, nn, models, adapt, train, runs, methods, accounting, paper and lesson. */
export const modelFaults: readonly Fault[] = [
  fault(
    "a label may be as large as the vocabulary",
    "src/autograd/ops/losses.ts",
    "labels[i] < vocabulary &&",
    "labels[i] <= vocabulary &&",
  ),
  fault(
    "a product that is cut along its terms keeps the last piece",
    "src/autograd/ops/product.ts",
    "bias || term.start > 0 ? 1 : accumulate",
    "bias ? 1 : accumulate",
  ),
  fault(
    "gradients of intermediates are kept until the end of the step",
    "src/autograd/tape.ts",
    "    if (this.#given !== slot.tensor) slot.tensor[Symbol.dispose]();\n",
    "",
  ),
  fault(
    "keys are turned as if they had as many heads as queries",
    "src/nn/attention.ts",
    "rotary!.turn(tape, plain.k, kvHeads)",
    "rotary!.turn(tape, plain.k, heads)",
  ),
  fault(
    "a row that moves leaves its tokens behind in the cache",
    "src/nn/key_value_cache.ts",
    "    this.cut(from, 0);\n",
    "    this.#lengths[from] = 0;\n",
  ),
  fault(
    "any candidate that ends is a finished beam",
    "src/models/generate/beam_search.ts",
    "extended.slice(0, beams).filter(",
    "extended.filter(",
  ),
  fault(
    "new tokens of prompts that are continued together are one position too far",
    "src/models/generate/greedy_batch.ts",
    "length + step - 1)",
    "length + step)",
  ),
  fault(
    "a value that is too large for 16 bits is loaded as infinity",
    "src/models/storage/file_tensors.ts",
    '  if (!allowNonFinite) assertStoredFinite("cannot load", name, values, type.name, start);\n',
    "",
  ),
  fault(
    "B does not start at zero",
    "src/adapt/lora/site.ts",
    "if (plan.B) device.write(B.tensor, plan.B);",
    "device.write(B.tensor, plan.B ?? new Float32Array(B.size).fill(0.01));",
  ),
  fault(
    "merging writes into the base",
    "src/adapt/merge/merge.ts",
    "changes) mergeInto(copies.get(name)!);",
    "changes) mergeInto(ownTensor(model, name)!);",
  ),
  fault(
    "a model that was switched still counts the first adapter as merged",
    "src/adapt/merge/merge.ts",
    "merged.merged?.filter((values) => values !== from.values) ?? []",
    "merged.merged ?? []",
  ),
  fault(
    "the rows' table of a set of adapters is never freed",
    "src/adapt/many/adapter_set.ts",
    "    this.#rows?.[Symbol.dispose]();\n",
    "",
  ),
  fault(
    "combined biases leave out the scaling",
    "src/adapt/combine/combine.ts",
    "sum[i] += weight * scaling * bias!.data[i]",
    "sum[i] += weight * bias!.data[i]",
  ),
  fault(
    "the warm-up does not shorten the descent of the learning rate",
    "src/train/schedule.ts",
    "Math.max(1, steps - warmupSteps)",
    "Math.max(1, steps)",
  ),
  fault(
    "patience counts the best measurement too",
    "src/train/validation.ts",
    "step > (best?.step ?? 0)",
    "step >= (best?.step ?? 0)",
  ),
  fault(
    "a damaged checkpoint is resumed",
    "src/train/checkpoint.ts",
    "if (digest === file.metadata.digest) return",
    "if (digest) return",
  ),
  fault(
    "pods are counted from 0",
    "src/runs/plan.ts",
    "whole(pod) + 1",
    "whole(pod)",
  ),
  fault(
    "runs wait for one that has ended",
    "src/runs/together.ts",
    "    this.#present.delete(group);\n    this.#stepIfAllWait();",
    "    this.#present.delete(group);",
  ),
  fault(
    "a count of bottlenecks has those of layers that are left out",
    "src/methods/bottleneck.ts",
    "const L = blocks - new Set(leaveOut).size;",
    "const L = blocks;",
  ),
  fault(
    "a tensor of 4,096 values has moments in F32",
    "src/accounting/training_bytes.ts",
    "P_t < least8bit",
    "P_t <= least8bit",
  ),
  fault(
    "the number that the next digit follows counts as truncated",
    "src/paper/printed_number.ts",
    "rest >= 0n && rest < denominator",
    "rest >= 0n && rest <= denominator",
  ),
  fault(
    "the best loss of a lesson is that of the shift's rank",
    "src/lesson/lesson.ts",
    "leastLoss(regression, settings.rank)",
    "leastLoss(regression, settings.shiftRank)",
  ),
];
