/**
 * Properties of every method on every family that it fits: the start, training, the end and
 * merging. A new method is one line in `methods` of `method_cases.ts`.
 */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { LoraAdapter, merge, unmerge } from "../../src/adapt/mod.ts";
import { lossOfBatch } from "../../src/autograd/loss.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { assertEveryMethod } from "../methods/every_method.ts";
import { assertAllClose } from "../support/all_close.ts";
import { type Check, coreDevices, testOn, webgpu } from "../support/devices.ts";
import { tierIsWanted } from "../../scripts/support/parts.ts";
import { logitsOf } from "./fixtures.ts";
import { folderChecksOf } from "./method_folder_checks.ts";
import {
  close,
  disturb,
  inject,
  inputs,
  type Method,
  methods,
  onFamilies,
  onFamily,
  ownBits,
  prefixes,
  targetsOf,
  train,
} from "./method_cases.ts";

async function checkStart(model: TextModel, method: Method): Promise<void> {
  const { device } = model, before = device.ledger.read(), base = await logitsOf(model, inputs);
  const bits = await ownBits(model);
  {
    using adapter = await inject(model, method);
    if (method.startsAsBase ?? true) assertEquals(await logitsOf(model, inputs), base);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    const count = adapter.parameters.reduce((sum, { size }) => sum + size, 0);
    const counted = countModules(model.architecture, method.spec);
    assertEquals(count, counted.reduce((sum, { trainable }) => sum + trainable, 0));
    const { byRole } = device.ledger.read(),
      sites = adapter instanceof LoraAdapter ? adapter.sites : [];
    const frozen = sites.reduce((sum, { A }) => A.trainable ? sum : sum + A.size, 0);
    assertEquals(byRole.adapter - before.byRole.adapter, 4 * (count + frozen));
    train(model);
    assertNotEquals(await logitsOf(model, inputs), base);
    assertEquals(await ownBits(model), bits);
    adapter.remove();
    adapter.remove();
    assertEquals(await logitsOf(model, inputs), base);
  }
  const { byRole, padding } = device.ledger.read();
  assertEquals([byRole, padding], [before.byRole, before.padding]);
}

async function checkMerge(model: TextModel, method: Method, epsilon: number): Promise<void> {
  const base = await logitsOf(model, inputs);
  using adapter = await inject(model, method);
  await disturb(adapter);
  const adapted = await logitsOf(model, inputs);
  const merged = merge(model, adapter);
  assertAllClose(await logitsOf(merged, inputs), adapted, close(epsilon));
  adapter.remove();
  assertEquals(await logitsOf(unmerge(merged), inputs), base);
}

/** Gradients of the rows with a label, in blocks of outputs, are those of a loss over all outputs at once. */
async function checkLabeledRows(model: TextModel, method: Method, epsilon: number): Promise<void> {
  using adapter = await inject(model, method);
  await disturb(adapter);
  const { device } = model, targets = targetsOf(model), divisor = 7;
  const all = (tape: Tape) => crossEntropy(tape, model.forward(tape, inputs), targets, { divisor });
  const mostOutputs = 4 * model.head.outputs,
    options = { loss: crossEntropy, divisor, mostOutputs };
  const labeled = (tape: Tape) => lossOfBatch(tape, model, { inputs, targets }, options);
  const found = await Promise.all([all, labeled].map(async (loss) => {
    using tape = new Tape(device), value = loss(tape);
    tape.backward(value);
    const gradients = adapter.parameters.map((parameter) => tape.gradientOf(parameter)!);
    return (await device.read(value, ...gradients)).flatMap(({ data }) => [...data]);
  }));
  assertAllClose(found[1], found[0], close(epsilon));
}

/** The checks of a method on a family. */
function checksOf(method: Method, family: string): Check[] {
  const onModel = (name: string, check: Parameters<typeof onFamily>[3]) =>
    onFamily(method, family, name, check);
  const refusal = method.refuses?.[family];
  if (refusal !== undefined) {
    return [onModel("is refused by name", async (model) => {
      const live = model.device.ledger.read().live;
      await assertRejects(() => inject(model, method), RangeError, refusal);
      assertEquals(model.device.ledger.read().live, live);
    })];
  }
  return [
    onModel(
      "starts as the base, trains alone and leaves it to the bit",
      (model) => checkStart(model, method),
    ),
    ...folderChecksOf(method, family),
    ...method.merges
      ? [
        onModel("computes the same merged", (model, epsilon) => checkMerge(model, method, epsilon)),
      ]
      : [],
  ];
}

/** The same of the rows with a label. */
const rowChecksOf = (method: Method, family: string): Check[] =>
  method.refuses?.[family] === undefined
    ? [onFamily(
      method,
      family,
      "trains on the rows with a label, block by block, as on all rows at once",
      (model, epsilon) => checkLabeledRows(model, method, epsilon),
    )]
    : [];

Deno.test("every method is in the table of methods or of virtual tokens", () => {
  const kinds = [...methods, ...prefixes].map(({ spec }) => spec.kind);
  assertEveryMethod("`methods` of tests/adapt/method_cases.ts", kinds, ["full"]);
});

await testOn(coreDevices, [...onFamilies(checksOf), ...onFamilies(rowChecksOf)]);
// On a graphics adapter a sample by day, and at night all.
const isSample = !tierIsWanted("nightly");
await testOn([webgpu], [...onFamilies(checksOf, isSample), ...onFamilies(rowChecksOf, true)]);
