/** Activations by the names that configurations give them. @module */

import { gelu, relu, silu, tanh } from "../autograd/mod.ts";
import type { Activation } from "./mlp.ts";

const tanhForm: Activation = (tape, x) => gelu(tape, x);

const activations: Readonly<Record<string, Activation>> = {
  gelu: (tape, x) => gelu(tape, x, { exact: true }),
  gelu_new: tanhForm,
  gelu_pytorch_tanh: tanhForm,
  relu,
  swish: silu,
  tanh,
};

/** The activation of a name that a configuration's check has let through. */
export const activationOf = (name: string): Activation => activations[name];
