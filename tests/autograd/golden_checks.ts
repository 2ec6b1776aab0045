/** What PyTorch says of single operations, as checks that each device's test file runs. @module */

import { crossEntropy, gelu, layerNorm, Parameter, Tape } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import type { Check } from "../support/devices.ts";

const tensors = await tensorsOf(golden("ops.safetensors"));
const expected = (name: string): HostTensor => tensors.get(name)!;

/** A tape's parameter with golden values. */
function parameter(tape: Tape, name: string): Parameter {
  const { shape, data } = expected(name);
  const tensor = tape.allocate(shape, "f32", "weight", name);
  tape.device.write(tensor, data);
  return new Parameter(name, tensor);
}

/** The operations take activations; this one is tracked and equals a parameter. */
function tracked(tape: Tape, leaf: Parameter): Tensor {
  return tape.record(leaf.tensor, [leaf], (gradient) => tape.pass(leaf, gradient));
}

/** Tells the tape to start from a given gradient of `out` instead of ones. */
function weigh(tape: Tape, out: Tensor, name: string): Tensor {
  const { shape, data } = expected(name);
  const weights = tape.allocate(shape, "f32", "activation", name);
  tape.device.write(weights, data);
  const loss = tape.activation([1], "weighed sum");
  return tape.record(loss, [out], () => tape.pass(out, weights));
}

/** F32 on either side, a few roundings: 1e-6 of the largest value. */
async function assertEqual(what: string, tensor: Tensor, device: Device): Promise<void> {
  const [{ data }] = await device.read(tensor);
  const wanted = [...expected(what).data];
  const largest = Math.max(...wanted.map(Math.abs));
  assertAllClose([...data], wanted, { absolute: 1e-6 * Math.max(1, largest), what });
}

async function checkCrossEntropy(device: Device, prefix: string, smoothing: number) {
  using tape = new Tape(device);
  const logits = parameter(tape, "cross_entropy.logits");
  const targets = expected("cross_entropy.targets").data;
  const loss = crossEntropy(tape, tracked(tape, logits), targets, { smoothing });
  tape.backward(loss);
  await assertEqual(`cross_entropy.${prefix}loss`, loss, device);
  await assertEqual(`cross_entropy.${prefix}grad`, tape.gradientOf(logits)!, device);
}

/** All checks. */
export const checks: readonly Check[] = [
  {
    name: "cross-entropy with ignored labels equals PyTorch's",
    run: (device) => checkCrossEntropy(device, "", 0),
  },
  {
    name: "cross-entropy with label smoothing equals PyTorch's",
    run: (device) => checkCrossEntropy(device, "smoothed_", 0.1),
  },
  {
    name: "gelu equals PyTorch's",
    run: async (device) => {
      using tape = new Tape(device);
      const x = parameter(tape, "gelu.x");
      const y = gelu(tape, tracked(tape, x));
      tape.backward(weigh(tape, y, "gelu.dy"));
      await assertEqual("gelu.y", y, device);
      await assertEqual("gelu.dx", tape.gradientOf(x)!, device);
    },
  },
  {
    name: "layer norm equals PyTorch's",
    run: async (device) => {
      using tape = new Tape(device);
      const [x, weight, bias] = ["x", "weight", "bias"].map((name) =>
        parameter(tape, `layer_norm.${name}`)
      );
      const y = layerNorm(tape, tracked(tape, x), weight, bias, 1e-5);
      tape.backward(weigh(tape, y, "layer_norm.dy"));
      await assertEqual("layer_norm.y", y, device);
      await assertEqual("layer_norm.dx", tape.gradientOf(x)!, device);
      await assertEqual("layer_norm.dweight", tape.gradientOf(weight)!, device);
      await assertEqual("layer_norm.dbias", tape.gradientOf(bias)!, device);
    },
  },
];
