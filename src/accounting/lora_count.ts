/** Parameters that low-rank adaptation trains, module by module. @module */

import { isNamed, listNames } from "../core/module_names.ts";
import { evaluate } from "./evaluate.ts";
import { matricesOf, type Matrix, sitesOf } from "./matrices.ts";
import type { TensorShape } from "./models/tensor_shape.ts";

/** What is adapted: parts of the block by role, or whole modules by PEFT's rule. */
export interface LoraSelection {
  /** `"all"`, or roles (`q`), modules, or a module and a role (`h.0.attn.c_attn:q`). */
  readonly sites?: "all" | readonly string[];
  /** `"all-linear"`, or paths of modules or their last parts. */
  readonly targetModules?: "all-linear" | readonly string[];
}

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

/** One pair of A and B that a model may get. */
export interface Update {
  /** Path of the module, and after a colon the role where it is a part of the module. */
  readonly label: string;
  /** `q`, `k`, `v`, `o`, `up` or `down`, where it is one of them. */
  readonly role?: string;
  /** The weight. */
  readonly matrix: Matrix;
  /** Outputs of the weight that it changes. */
  readonly outputs: number;
}

/**
 * A and B of every selected module: rank · (inputs + outputs) each, and for sites of a fused weight one
 * pair a site.
 *
 * @throws {RangeError} when a name matches nothing, or the rank is not a whole number from 1 to the
 * smaller extent of every site.
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
  const counts = new Map<string, number>();
  for (const update of selectedUpdates(tensors, selection)) {
    const { name } = update.matrix;
    counts.set(name, (counts.get(name) ?? 0) + updateParameters(update, rank));
  }
  return Array.from(counts, ([name, parameters]) => ({ name, parameters }));
}

function updateParameters({ label, matrix, outputs: d_out }: Update, rank: number): number {
  const d_in = matrix.inputs, largest = Math.min(d_in, d_out);
  if (Number.isInteger(rank) && rank >= 1 && rank <= largest) {
    return Number(evaluate("lowRankParameters", { r: rank, d_in, d_out }));
  }
  throw new RangeError(
    `the rank of ${label} must be a whole number from 1 to ${largest}, found ${rank}`,
  );
}

/** The update of the whole matrix, and those of its parts. */
function updatesOf(matrix: Matrix): Update[] {
  const { name, outputs } = matrix, sites = sitesOf(matrix);
  const parts = sites.map((site) => ({
    ...site,
    label: sites.length === 1 ? name : `${name}:${site.role}`,
    matrix,
  }));
  return sites.length === 1 ? parts : [{ label: name, matrix, outputs }, ...parts];
}

const isWhole = ({ label, matrix }: Update): boolean => label === matrix.name;
const isLinear = ({ matrix }: Update): boolean => matrix.kind === "linear";

/**
 * The updates that a selection asks for, in the order of the model.
 *
 * @throws {RangeError} when a name matches nothing.
 */
export function selectedUpdates(
  tensors: Iterable<TensorShape>,
  { sites, targetModules }: LoraSelection,
): Update[] {
  const all = matricesOf(tensors).flatMap(updatesOf);
  if (targetModules === "all-linear") return all.filter(isWhole).filter(isLinear);
  if (sites === "all") return all.filter(({ role }) => role !== undefined);
  if (targetModules) {
    return selectNamed(all.filter(isWhole), targetModules, {
      rule: "targetModules must match a layer of the model",
      matches: ({ label }, entry) => isNamed(label, entry),
    });
  }
  return selectNamed(all, sites ?? [], {
    rule: "sites must name q, k, v, o, up, down, or a layer or site of the model",
    matches: ({ label, role }, entry) => entry === role || entry === label,
  });
}

/** The updates that a list names, in the order of the model, each once. */
function selectNamed(
  all: Update[],
  entries: readonly string[],
  { rule, matches }: { rule: string; matches: (update: Update, entry: string) => boolean },
): Update[] {
  for (const entry of entries) {
    if (all.some((update) => matches(update, entry))) continue;
    const labels = listNames(all.filter(isLinear).map(({ label }) => label));
    throw new RangeError(`${rule} (${labels}), found "${entry}"`);
  }
  return all.filter((update) => entries.some((entry) => matches(update, entry)));
}

/** A and B of updates, as tensors. */
export function factorsOf(updates: readonly Update[], rank: number): TensorShape[] {
  return updates.flatMap(({ label, matrix, outputs }) => [
    { name: `${label}.A`, shape: [rank, matrix.inputs] },
    { name: `${label}.B`, shape: [outputs, rank] },
  ]);
}
