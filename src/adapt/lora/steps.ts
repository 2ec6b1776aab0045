/** Steps of A and B: the rates of LoRA+, and the pairs of Riemannian preconditioning. @module */

import type { Parameter } from "../../autograd/parameter.ts";
import { assertOptions } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { moduleOf } from "../../core/module_names.ts";
import type { LoraAdapter } from "./adapter.ts";
import { LoraEmbedding } from "./site.ts";

/** The rates of LoRA+. */
export interface LoraPlusOptions {
  /** η of A, and of all else that is a matrix. */
  readonly learningRate: number;
  /** The rate of B divided by that of A, above 0; larger than 1 in the paper. PEFT's `loraplus_lr_ratio`. */
  readonly ratio: number;
  /** η of A and B of embeddings. Default 1e-6, as PEFT's `loraplus_lr_embedding`. */
  readonly embeddingRate?: number;
}

/** Parameters with a rate of their own, for an optimizer. */
export interface LoraPlusGroup {
  /** Its members. */
  readonly parameters: readonly Parameter[];
  /** Their η. */
  readonly learningRate: number;
  /** 0 where there is no decay; absent where it is the optimizer's. */
  readonly weightDecay?: number;
}

/**
 * The groups of LoRA+ (Hayou et al. 2024, section 5), as PEFT's `create_loraplus_optimizer` makes them: A and
 * other matrices at the rate, embeddings at a rate of their own, B and vectors at `ratio` times the rate, and of
 * these the biases and layer norms without decay.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the ratio is not a finite number above 0.
 *
 * @example
 * ```ts
 * import { loraPlusGroups } from "@lowrank/core/adapt";
 * import { initGpt2, injectLora, openDevice, parseGpt2Config, train } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, seed: 1 });
 * const groups = loraPlusGroups(adapter, { learningRate: 1e-3, ratio: 16 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const batches = [{ inputs: { tokens }, targets: { shape: [1, 3], data: Int32Array.of(2, 3, 4) } }];
 * await train(adapter, batches, { learningRate: 1e-3, steps: 2, groups }).finish();
 * ```
 */
export function loraPlusGroups(adapter: LoraAdapter, options: LoraPlusOptions): LoraPlusGroup[] {
  const names = { learningRate: true, ratio: true, embeddingRate: true } as const;
  assertOptions("loraPlusGroups", options, names);
  const { learningRate, ratio, embeddingRate = 1e-6 } = options;
  if (!(Number.isFinite(ratio) && ratio > 0)) {
    throw new RangeError(
      `the ratio of LoRA+ must be a finite number above 0, found ${quote(ratio)}`,
    );
  }
  const groups = Map.groupBy(adapter.parameters, groupOf(adapter)), rateOfB = ratio * learningRate;
  return [
    { parameters: groups.get("A") ?? [], learningRate },
    { parameters: groups.get("embedding") ?? [], learningRate: embeddingRate },
    { parameters: groups.get("B") ?? [], learningRate: rateOfB },
    { parameters: groups.get("B without decay") ?? [], learningRate: rateOfB, weightDecay: 0 },
  ];
}

function groupOf({ sites, model }: LoraAdapter) {
  const tables = sites.filter((site) => site instanceof LoraEmbedding);
  const ofTables = new Set(tables.flatMap(({ parameters }) => parameters));
  const allB = new Set(sites.map(({ B }) => B));
  // A norm with a bias is a LayerNorm; PEFT lets the weights of RMSNorm decay.
  const isLayerNorm = ({ name, shape }: Parameter) =>
    shape.length === 1 && name.endsWith(".weight") &&
    model.parameters.has(`${moduleOf(name)}.bias`);
  return (parameter: Parameter) => {
    const { name, shape } = parameter;
    if (ofTables.has(parameter)) return "embedding";
    if (!allB.has(parameter) && shape.length !== 1) return "A";
    return name.includes("bias") || isLayerNorm(parameter) ? "B without decay" : "B";
  };
}

/** Pairs of A and B, and δ, for an optimizer. */
export interface LoraPreconditioner {
  /** A and B of each site. */
  readonly pairs: readonly { readonly A: Parameter; readonly B: Parameter }[];
  /** δ, above 0. */
  readonly damping: number;
}

/**
 * The pairs of Riemannian preconditioning (Zhang and Pilanci 2024, 2402.02347, section 3): each step of the optimizer
 * sees (BᵀB + δI)⁻¹ ∂A and ∂B (AAᵀ + δI)⁻¹ in the place of the gradients, so that it moves B A alike whatever A and B
 * it is the product of; with AdamW that is their scaled AdamW. As in PEFT's `create_riemannian_optimizer` embeddings
 * are left out, and clipping sees the gradients as they are without it.
 *
 * @param damping δ. PEFT has 0.01, the authors' code 1e-6.
 * @throws {RangeError} when A is frozen.
 *
 * @example
 * ```ts
 * import { loraPreconditioner } from "@lowrank/core/adapt";
 * import { initGpt2, injectLora, openDevice, parseGpt2Config, train } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, seed: 1 });
 * const preconditioner = loraPreconditioner(adapter, 0.01);
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const batches = [{ inputs: { tokens }, targets: { shape: [1, 3], data: Int32Array.of(2, 3, 4) } }];
 * await train(adapter, batches, { learningRate: 1e-3, steps: 2, preconditioner }).finish();
 * ```
 */
export function loraPreconditioner({ sites }: LoraAdapter, damping: number): LoraPreconditioner {
  const pairs = sites.filter((site) => !(site instanceof LoraEmbedding));
  const frozen = pairs.find(({ A }) => !A.trainable);
  if (!frozen) return { pairs: pairs.map(({ A, B }) => ({ A, B })), damping };
  throw new RangeError(`preconditioning needs A and B trained, found A frozen on ${frozen.name}`);
}
