/** Methods beside LoRA on one model, and every method's gradients. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { injectBitFit, injectLora, merge, unmerge } from "../../src/adapt/mod.ts";
import { lossOfBatch } from "../../src/autograd/loss.ts";
import { crossEntropy, type Tape } from "../../src/autograd/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, reference, testOn } from "../support/devices.ts";
import { assertGradients } from "../support/finite_differences.ts";
import { logitsOf, tinyModel, trainedLora, valuesOf } from "./fixtures.ts";
import {
  close,
  disturb,
  inject,
  inputs,
  type Method,
  methods,
  onFamily,
  prefixes,
  targetsOf,
  train,
} from "./method_cases.ts";

/** In either order both act and train, and the first goes by itself. */
async function checkWithLora(model: TextModel, method: Method, epsilon: number): Promise<void> {
  const lora = () => injectLora(model, { rank: 2, seed: 3, sites: ["q", "v"], onTop: true });
  const other = () => inject(model, method, true);
  const outputs: HostData[] = [];
  for (const order of [[lora, other], [other, lora]]) {
    using first = await order[0]();
    using second = await order[1]();
    const both = [...first.parameters, ...second.parameters];
    assertEquals(new Set(model.trainable()), new Set(both));
    await disturb(first);
    const alone = await logitsOf(model, inputs);
    await disturb(second);
    const together = await logitsOf(model, inputs);
    assertNotEquals(together, alone);
    outputs.push(together);
    const valuesNow = () => Promise.all(both.map(({ tensor }) => valuesOf(tensor)));
    const before = await valuesNow();
    train(model);
    (await valuesNow()).forEach((values, i) => assertNotEquals(values, before[i], both[i].name));
    first.remove();
    assertEquals(new Set(model.trainable()), new Set(second.parameters));
  }
  assertAllClose(outputs[0], outputs[1], close(epsilon));
}

async function checkMergedBiases(device: Device): Promise<void> {
  using model = tinyModel(device);
  const base = await logitsOf(model);
  using adapter = injectBitFit(model);
  using lora = trainedLora(model);
  await disturb(adapter);
  const adapted = await logitsOf(model);
  using onlyLora = merge(model, lora);
  assertNotEquals(await logitsOf(onlyLora), adapted);
  lora.remove();
  const biases = await logitsOf(model);
  const merged = merge(model, adapter);
  assertEquals(await logitsOf(merged), biases);
  adapter.remove();
  assertEquals(await logitsOf(merged), biases);
  assertEquals(await logitsOf(unmerge(merged)), base);
}

/** A method beside LoRA. */
const besideLora: readonly Check[] = [...methods, ...prefixes].map((method) =>
  onFamily(
    method,
    "gpt2",
    "and LoRA act and train together, whichever came first",
    (model, epsilon) => checkWithLora(model, method, epsilon),
  )
);

async function checkGradients(model: TextModel, method: Method): Promise<void> {
  using adapter = await inject(model, method);
  await disturb(adapter);
  const batch = { inputs, targets: targetsOf(model) };
  const loss = (tape: Tape) => lossOfBatch(tape, model, batch, { loss: crossEntropy, divisor: 7 });
  await assertGradients(model.device, adapter.parameters, loss);
}

/** Gradients on the reference device. */
const gradientChecks: readonly Check[] = methods.flatMap((method) =>
  (method.differentiated ?? ["gpt2", "bert"]).map((family) =>
    onFamily(
      method,
      family,
      "has gradients that are finite differences",
      (model) => checkGradients(model, method),
    )
  )
);

await testOn(allDevices, [
  ...besideLora,
  { name: "merged biases are the trained ones, to the bit", run: checkMergedBiases },
]);
await testOn([reference], gradientChecks);
