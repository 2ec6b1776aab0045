/** One block of GPT-2. @module */

import { add } from "../../autograd/mod.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/tensor.ts";
import { CausalSelfAttention, type SequenceContext } from "../../nn/attention.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { Linear } from "../../nn/linear.ts";
import { Mlp } from "../../nn/mlp.ts";
import type { Gpt2Config } from "./config.ts";

/** x + attention(norm(x)), then x + mlp(norm(x)). */
export class Gpt2Block {
  /** Its four linear layers in the order of the forward pass. */
  readonly linears: readonly Linear[];
  readonly #norm1: LayerNorm;
  readonly #attention: CausalSelfAttention;
  readonly #norm2: LayerNorm;
  readonly #mlp: Mlp;

  /** Builds the layers of block `layer` around their parameters. */
  constructor(
    parameters: ReadonlyMap<string, Parameter>,
    config: Gpt2Config,
    layer: number,
    dropout: number,
  ) {
    const block = `transformer.h.${layer}`;
    const parameter = (name: string) => parameters.get(`${block}.${name}`)!;
    const norm = (name: string) =>
      new LayerNorm(
        parameter(`${name}.weight`),
        parameter(`${name}.bias`),
        config.layer_norm_epsilon,
      );
    const project = (name: string, sites: Linear["sites"]) =>
      new Linear(`${block}.${name}`, parameter(`${name}.weight`), parameter(`${name}.bias`), sites);
    const width = config.n_embd, inner = config.n_inner ?? 4 * width;
    const qkv = project("attn.c_attn", {
      q: { start: 0, count: width },
      k: { start: width, count: width },
      v: { start: 2 * width, count: width },
    });
    const output = project("attn.c_proj", { o: { start: 0, count: width } });
    const up = project("mlp.c_fc", { up: { start: 0, count: inner } });
    const down = project("mlp.c_proj", { down: { start: 0, count: width } });
    this.linears = [qkv, output, up, down];
    this.#norm1 = norm("ln_1");
    this.#attention = new CausalSelfAttention(config.n_head, qkv, output, dropout);
    this.#norm2 = norm("ln_2");
    this.#mlp = new Mlp(up, down, dropout);
  }

  /** x (batch · time, width) to the same. */
  forward(tape: Tape, x: Tensor, context: SequenceContext, layer: number): Tensor {
    const attended = this.#attention.forward(tape, this.#norm1.forward(tape, x), context, layer);
    const middle = add(tape, x, attended);
    return add(tape, middle, this.#mlp.forward(tape, this.#norm2.forward(tape, middle)));
  }
}
