/** OLoRA: updates that begin at an orthonormal basis of the weight's first columns. @module */

import { qr, rowsOf, transposed } from "../../linalg/mod.ts";
import type { Model } from "../../models/model.ts";
import type { LoraAdapter } from "./adapter.ts";
import { injectAtWeights, type WeightStartOptions } from "./weight_start.ts";

/**
 * Like `injectLora`, but A and B begin at the first r columns of Q and rows of R with W = Q R, and what is frozen
 * is the rest (Büyükakyüz 2024): W = (W − s B₀ A₀) + s B A with B₀ = Q[:, :r], which is orthonormal, and
 * A₀ = R[:r, :]. As in PEFT the start is scaled as the update is. A weight counts as (out, in) however its file
 * holds it; PEFT fails on GPT-2's Conv1D layers.
 *
 * Weights, saving and cost are those of `injectPissa`: the base keeps its bits, files hold the converted LoRA of
 * rank 2r, and the decomposition is one QR for each weight.
 *
 * @throws {RangeError} when `injectLora` would, or an embedding is named.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 *
 * @example
 * ```ts
 * import { injectOlora } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = await injectOlora(model, { rank: 2, targetModules: ["c_proj"] });
 * const [{ B }] = await adapter.read();
 * console.log(B.shape); // 8, 4: the converted rank is twice that of the training
 * ```
 */
export function injectOlora(model: Model, options: WeightStartOptions): Promise<LoraAdapter> {
  return injectAtWeights(model, "injectOlora", options, (weight, { rank }) => {
    const { Q, R } = qr(weight);
    return { A: rowsOf(R, 0, rank), turnedB: rowsOf(transposed(Q), 0, rank) };
  });
}
