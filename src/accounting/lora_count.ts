/** Parameters that low-rank adaptation trains, module by module. @module */

import { evaluate } from "./evaluate.ts";
import { matricesOf, type Matrix, sitesOf } from "./matrices.ts";
import type { TensorShape } from "./models/tensor_shape.ts";

/** What is adapted: parts of the block by role, or whole modules by name. */
export type LoraSelection =
  | { readonly sites: readonly string[] | "all" }
  | { readonly modules: ((name: string) => boolean) | "all-linear" };

/** An adapted module. */
export interface LoraCount {
  /** Path of the module. */
  readonly name: string;
  /** Values of its A and B. */
  readonly parameters: number;
}

/** PEFT's own choice of modules by `model_type`, where the user names none. */
export const peftTargets: Readonly<Record<string, readonly string[]>> = {
  gpt2: ["c_attn"],
  bert: ["query", "value"],
  roberta: ["query", "value"],
  deberta: ["in_proj"],
  "deberta-v2": ["query_proj", "value_proj"],
  t5: ["q", "v"],
  llama: ["q_proj", "v_proj"],
  mistral: ["q_proj", "v_proj"],
  qwen2: ["q_proj", "v_proj"],
};

/**
 * A and B of every selected module: rank · (inputs + outputs) each, and for sites of a fused weight one
 * pair a site.
 *
 * @throws {RangeError} when nothing is selected, or the rank is not a whole number from 1 on.
 *
 * @example
 * ```ts
 * import { catalogue, loraCounts, modelTensors } from "@lowrank/core/accounting";
 *
 * const tensors = modelTensors(catalogue["gpt3-175b"].config);
 * const counts = loraCounts(tensors, 4, { sites: ["q", "v"] });
 * console.log(counts.reduce((sum, { parameters }) => sum + parameters, 0)); // 18874368
 * ```
 */
export function loraCounts(
  tensors: Iterable<TensorShape>,
  rank: number,
  selection: LoraSelection,
): LoraCount[] {
  if (!(Number.isSafeInteger(rank) && rank > 0)) {
    throw new RangeError(`a rank must be a whole number from 1 on, found ${rank}`);
  }
  const matrices = matricesOf(tensors);
  const counts = matrices.flatMap((matrix) => {
    const outputs = adaptedOutputs(matrix, selection);
    const parameters = outputs.reduce(
      (sum, d_out) =>
        sum + Number(evaluate("lowRankParameters", { r: rank, d_in: matrix.inputs, d_out })),
      0,
    );
    return outputs.length > 0 ? [{ name: matrix.name, parameters }] : [];
  });
  if (counts.length > 0) return counts;
  const names = matrices.slice(0, 8).map(({ name }) => name).join(", ");
  throw new RangeError(`what is adapted must be in the model (${names}, …), found nothing of it`);
}

/** Outputs of each pair of A and B that the matrix gets. */
function adaptedOutputs(matrix: Matrix, selection: LoraSelection): number[] {
  if ("sites" in selection) {
    const { sites } = selection;
    return sitesOf(matrix)
      .filter(({ role }) => sites === "all" || sites.includes(role))
      .map(({ outputs }) => outputs);
  }
  const { modules } = selection, { name, kind, outputs } = matrix;
  const isAdapted = modules === "all-linear" ? kind === "linear" : modules(name);
  return isAdapted ? [outputs] : [];
}
