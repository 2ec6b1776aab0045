/** One block of GPT-2. @module */

import type { LinearSpec } from "../../architectures/architecture.ts";
import { contiguousParts } from "../../architectures/layers.ts";
import type { Gpt2Config } from "../../architectures/gpt2.ts";
import { add } from "../../autograd/mod.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/tensor.ts";
import { CausalSelfAttention, type SequenceContext } from "../../nn/attention.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { Linear } from "../../nn/linear.ts";
import { Mlp } from "../../nn/mlp.ts";

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
    linears: readonly LinearSpec[],
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
    const project = (name: string) => {
      const { parts } = linears.find((linear) => linear.name === `${block}.${name}`)!;
      const [weight, bias] = ["weight", "bias"].map((tensor) => parameter(`${name}.${tensor}`));
      return new Linear(`${block}.${name}`, weight, bias, contiguousParts(parts));
    };
    const qkv = project("attn.c_attn"), output = project("attn.c_proj");
    const up = project("mlp.c_fc"), down = project("mlp.c_proj");
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
