/** One block of GPT-2. @module */

import type { LinearSpec } from "../../architectures/architecture.ts";
import { contiguousParts } from "../../architectures/layers.ts";
import type { Gpt2Config } from "../../architectures/gpt2.ts";
import { add } from "../../autograd/mod.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/device.ts";
import { CausalSelfAttention, type SequenceContext } from "../../nn/attention.ts";
import { LayerNorm } from "../../nn/layer_norm.ts";
import { Linear } from "../../nn/linear.ts";
import { Mlp } from "../../nn/mlp.ts";
import { Place } from "../../nn/place.ts";
import type { ModelTensors } from "../model_tensors.ts";

/** x + attention(norm(x)), then x + mlp(norm(x)). */
export class Gpt2Block {
  /** Its four linear layers in the order of the forward pass. */
  readonly linears: readonly Linear[];
  /** After the attention and after the feed-forward layer, before each is added to x. */
  readonly places: readonly [Place, Place];
  readonly #norm1: LayerNorm;
  readonly #attention: CausalSelfAttention;
  readonly #norm2: LayerNorm;
  readonly #mlp: Mlp;

  /** Builds the layers of block `layer` around the model's parameters and weights. */
  constructor(
    { parameters, weightOf }: ModelTensors,
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
      const module = `${block}.${name}`, { parts } = linears.find(({ name }) => name === module)!;
      return new Linear(
        module,
        weightOf(module),
        parameter(`${name}.bias`),
        contiguousParts(parts),
      );
    };
    const qkv = project("attn.c_attn"), output = project("attn.c_proj");
    const up = project("mlp.c_fc"), down = project("mlp.c_proj");
    this.linears = [qkv, output, up, down];
    this.#norm1 = norm("ln_1");
    this.#attention = new CausalSelfAttention(config.n_head, qkv, output, dropout);
    this.#norm2 = norm("ln_2");
    this.#mlp = new Mlp(up, down, dropout);
    this.places = [
      new Place(`${block}.attn`, config.n_embd),
      new Place(`${block}.mlp`, config.n_embd),
    ];
  }

  /** x (batch · time, width) to the same. */
  forward(tape: Tape, x: Tensor, context: SequenceContext, layer: number): Tensor {
    const [afterAttention, afterMlp] = this.places;
    const n1 = this.#norm1.forward(tape, x);
    const attended = this.#attention.forward(tape, n1, context, layer);
    const middle = add(tape, x, afterAttention.forward(tape, n1, attended));
    const n2 = this.#norm2.forward(tape, middle);
    return add(tape, middle, afterMlp.forward(tape, n2, this.#mlp.forward(tape, n2)));
  }
}
