/** Single operations, which must be those of PyTorch and transformers. */

import {
  attention,
  crossEntropy,
  gelu,
  layerNorm,
  Parameter,
  rmsNorm,
  rotary,
  swiglu,
  tanh,
  Tape,
} from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";

const tensors = new Map([
  ...await tensorsOf(golden("ops.safetensors")),
  ...await tensorsOf(golden("decoder_ops.safetensors")),
]);
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

/** An operation's result, and the gradient of each input from a given gradient of the result. */
function operationCheck(
  name: string,
  inputs: readonly string[],
  run: (tape: Tape, activations: readonly Tensor[], leaves: readonly Parameter[]) => Tensor,
): Check {
  return {
    name: `${name} and its gradient equal PyTorch's`,
    run: async (device) => {
      using tape = new Tape(device);
      const leaves = inputs.map((input) => parameter(tape, `${name}.${input}`));
      const y = run(tape, leaves.map((leaf) => tracked(tape, leaf)), leaves);
      tape.backward(weigh(tape, y, `${name}.dy`));
      await assertEqual(`${name}.y`, y, device);
      for (const [i, input] of inputs.entries()) {
        await assertEqual(`${name}.d${input}`, tape.gradientOf(leaves[i])!, device);
      }
    },
  };
}

/** transformers' cosines and sines, each of which it holds twice, as rows [cos | sin]. */
function rotaryTable(tape: Tape): Tensor {
  const { shape: [positions, width], data: cos } = expected("rotary.cos");
  const { data: sin } = expected("rotary.sin"), half = width / 2;
  const table = tape.allocate([positions, width], "f32", "weight", "rotary table");
  const rows = Array.from({ length: positions }, (_, p) => {
    const at = p * width;
    return [...cos.subarray(at, at + half), ...sin.subarray(at, at + half)];
  });
  tape.device.write(table, Float32Array.from(rows.flat()));
  return table;
}

function rotaryPositions(tape: Tape): Tensor {
  const { shape, data } = expected("rotary.positions");
  const positions = tape.allocate(shape, "u32", "activation", "positions");
  tape.device.write(positions, Uint32Array.from(data));
  return positions;
}

await testOn(allDevices, [
  {
    name: "cross-entropy with ignored labels equals PyTorch's",
    run: (device) => checkCrossEntropy(device, "", 0),
  },
  {
    name: "cross-entropy with label smoothing equals PyTorch's",
    run: (device) => checkCrossEntropy(device, "smoothed_", 0.1),
  },
  operationCheck("gelu", ["x"], (tape, [x]) => gelu(tape, x)),
  operationCheck("exact_gelu", ["x"], (tape, [x]) => gelu(tape, x, { exact: true })),
  operationCheck("tanh", ["x"], (tape, [x]) => tanh(tape, x)),
  operationCheck(
    "layer_norm",
    ["x", "weight", "bias"],
    (tape, [x], [, weight, bias]) => layerNorm(tape, x, weight, bias, 1e-5),
  ),
  operationCheck(
    "rms_norm",
    ["x", "weight"],
    (tape, [x], [, weight]) => rmsNorm(tape, x, weight, 1e-5),
  ),
  operationCheck("swiglu", ["gate", "up"], (tape, [gate, up]) => swiglu(tape, gate, up)),
  operationCheck("rotary", ["x"], (tape, [tensor]) => {
    const window = { tensor, width: tensor.shape[1] };
    return rotary(tape, window, rotaryTable(tape), rotaryPositions(tape), 4);
  }),
  operationCheck("grouped", ["q", "k", "v"], (tape, tensors) => {
    const [q, k, v] = tensors.map((tensor) => ({ tensor, width: tensor.shape[1] }));
    return attention(tape, { q, k, v }, { batch: 2, time: 5, heads: 4, causal: true });
  }),
]);
