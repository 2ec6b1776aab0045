/** Riemannian preconditioning: gradients of A and B by the geometry of their product. @module */

import type { Parameter } from "../../autograd/parameter.ts";
import type { LoraAdapter } from "./adapter.ts";
import { LoraEmbedding } from "./site.ts";

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
