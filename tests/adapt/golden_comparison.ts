/** Comparisons of a model with what PEFT computed. @module */

import { crossEntropy, type Parameter, Tape } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import {
  golden,
  type GoldenCase,
  goldenCase,
  goldenTensors,
  logitsOf,
  valuesOf,
} from "./fixtures.ts";

/** The base of the golden adapters. */
export const openBase = (device: Device) => loadModel(device, golden("gpt2_tiny"));

/** The case with labels of which every gradient is known. */
export const labeledCase = () => goldenCase("gradients/input", "labelled");

/** The tolerance that tells right from wrong on this model (manifest.json). */
export const logitsTolerance = { absolute: 5e-5, relative: 0 };

/** Compares logits with those of a golden adapter. */
export async function assertGoldenLogits(model: TextModel, name: string): Promise<void> {
  const expected = await goldenTensors(`adapters/logits/${name}`);
  for (const which of ["plain", "left_padding"]) {
    const { inputs } = await goldenCase("logits", which), mask = inputs.attentionMask;
    const found = await logitsOf(model, inputs);
    const { shape: [, , vocabulary], data } = expected.get(`logits.${which}`)!;
    const counts = (_: number, i: number) => !mask || mask.data[Math.floor(i / vocabulary)] === 1;
    const [actual, wanted] = [found, data].map((values) => Array.from(values).filter(counts));
    assertAllClose(actual, wanted, { ...logitsTolerance, what: `${name}, ${which}` });
  }
}

/** The largest absolute value. */
export const largestOf = ({ data }: HostTensor): number => Math.max(...Array.from(data, Math.abs));

/** Compares the gradients of all that a model trains. */
export async function assertGoldenGradients(
  model: TextModel,
  { inputs, labels }: GoldenCase,
  expected: (parameter: Parameter) => HostTensor,
  epsilon: number,
): Promise<void> {
  using tape = new Tape(model.device);
  const logits = model.forward(tape, inputs);
  tape.backward(crossEntropy(tape, logits, labels));
  for (const parameter of model.trainable()) {
    const wanted = expected(parameter), largest = largestOf(wanted);
    // PyTorch's own rounding of F32 and, on F32 devices, ours.
    const absolute = largest * (epsilon > 1e-10 ? 2e-5 : 1e-5);
    const gradient = await valuesOf(tape.gradientOf(parameter)!);
    assertAllClose(gradient, wanted.data, { relative: 0, absolute, what: parameter.name });
  }
}
