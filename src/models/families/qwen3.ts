/** Qwen3 (Yang et al. 2025), with the parameter names of Hugging Face. @module */

import type { LlamaConfig } from "../../architectures/families/llama.ts";
import type { Tensor } from "../../device/device.ts";
import type { QkvProjection } from "../../nn/attention.ts";
import { Llama } from "./llama.ts";

/** A Llama whose queries and keys are normalized, each head by itself, before their positions turn them. */
export class Qwen3 extends Llama {
  /** Name of its family, for display. */
  protected override get family(): string {
    return "Qwen3";
  }

  /** Queries and keys with their norms, and values. */
  protected override projections(at: string, config: LlamaConfig): QkvProjection {
    const { layers } = this, { heads, kvHeads, epsilon } = config;
    const [q, k, v] = ["q", "k", "v"].map((name) => layers.linear(`${at}.${name}_proj`));
    const [qNorm, kNorm] = ["q", "k"].map((name) => layers.rmsNorm(`${at}.${name}_norm`, epsilon));
    return (tape, x, { rotary }) => {
      const turn = (heads: number) => (tensor: Tensor) =>
        rotary!.turn(tape, { tensor, width: tensor.shape[1] }, heads).tensor;
      const windows = [
        tape.pipe(q.forward(tape, x), (y) => qNorm.forward(tape, y), turn(heads)),
        tape.pipe(k.forward(tape, x), (y) => kNorm.forward(tape, y), turn(kvHeads)),
        v.forward(tape, x),
      ].map((tensor) => ({ tensor, width: tensor.shape[1] }));
      return { q: windows[0], k: windows[1], v: windows[2] };
    };
  }
}
