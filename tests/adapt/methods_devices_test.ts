/**
 * What must hold of every method, on every family that it fits. A new method is one line in `methods` of
 * `method_cases.ts`.
 */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import {
  type Adapter,
  injectBitFit,
  injectLora,
  loadAnyAdapter,
  merge,
  unmerge,
} from "../../src/adapt/mod.ts";
import { crossEntropy, type Tape } from "../../src/autograd/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import type { HostData } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { allocateModel, loadModel, readConfig, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { assertGradients } from "../support/finite_differences.ts";
import { allDevices, type Check, reference, testOn } from "../support/devices.ts";
import { golden, logitsOf, tinyModel, trainedLora, valuesOf, withFolder } from "./fixtures.ts";
import {
  allFamilies,
  disturb,
  families,
  inject,
  inputs,
  type Method,
  methods,
  ownBits,
  prefixes,
  targetsOf,
  train,
} from "./method_cases.ts";

async function checkStart(model: TextModel, method: Method): Promise<void> {
  const { device } = model, before = device.ledger.read(), base = await logitsOf(model, inputs);
  const bits = await ownBits(model);
  {
    using adapter = inject(model, method);
    if (method.startsAsBase ?? true) assertEquals(await logitsOf(model, inputs), base);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    const count = adapter.parameters.reduce((sum, { size }) => sum + size, 0);
    const counted = countModules(model.architecture, method.spec);
    assertEquals(count, counted.reduce((sum, { trainable }) => sum + trainable, 0));
    const { byRole } = device.ledger.read();
    assertEquals(byRole.adapter - before.byRole.adapter, 4 * count);
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

/** Sums in another order. */
const close = (epsilon: number) => ({ relative: 0, absolute: 3e3 * epsilon });

async function checkMerge(model: TextModel, method: Method, epsilon: number): Promise<void> {
  const base = await logitsOf(model, inputs);
  using adapter = inject(model, method);
  await disturb(adapter);
  const adapted = await logitsOf(model, inputs);
  const merged = merge(model, adapter);
  assertAllClose(await logitsOf(merged, inputs), adapted, close(epsilon));
  adapter.remove();
  assertEquals(await logitsOf(unmerge(merged), inputs), base);
}

async function checkFolder(model: TextModel, method: Method): Promise<void> {
  await withFolder(async (folder) => {
    const saved = inject(model, method), isBottleneck = method.spec.kind === "bottleneck";
    const file = `${folder}/adapter${isBottleneck ? "" : "_model"}.safetensors`;
    const counts = (adapter: Adapter) => adapter.parameters.map(({ name, size }) => [name, size]);
    await disturb(saved);
    const values = await Promise.all(saved.parameters.map(({ tensor }) => valuesOf(tensor)));
    // The file is in F32, in which the reference device does not compute.
    saved.parameters.forEach(({ tensor }, i) =>
      tensor.device.write(tensor, Float32Array.from(values[i]))
    );
    const adapted = await logitsOf(model, inputs), listed = counts(saved);
    await saved.save(folder);
    saved[Symbol.dispose]();
    {
      using loaded = await loadAnyAdapter(model, folder);
      assertEquals(counts(loaded), listed);
      const exact = { relative: 1e-6, absolute: 1e-6 };
      assertAllClose(await logitsOf(model, inputs), adapted, exact);
      await assertRejects(
        () => loadAnyAdapter(model, folder, { onTop: true }),
        RangeError,
        "on the model already",
      );
    }
    const { tensors } = await readSafetensors(file), live = model.device.ledger.read().live;
    const [[first, tensor], ...rest] = tensors;
    const wider = {
      shape: [tensor.data.length + 1],
      data: new Float32Array(tensor.data.length + 1),
    };
    const broken = [rest, [...tensors, ["stranger", tensor] as const], [
      [first, wider] as const,
      ...rest,
    ]];
    for (const entries of broken) {
      await writeSafetensors(file, new Map(entries as [string, typeof tensor][]));
      const message = /^cannot (?:use|read) the adapter in (?!memory)[^\n]+, found [^\n]+$/;
      const error = await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError);
      assert(message.test(error.message), error.message);
    }
    assertEquals(model.device.ledger.read().live, live);
    assertEquals(model.adapters.size, 0);
  });
}

async function checkLedger(device: Device, folder: string, method: Method): Promise<void> {
  using dry = new DryDevice();
  const config = await readConfig(folder);
  const [found, predicted] = [device, dry].map((device) => {
    device.ledger.resetPeak();
    using model = allocateModel(device, config);
    using _ = inject(model, method);
    train(model);
    return device.ledger.read();
  });
  assertEquals(found, predicted);
}

/** In either order both act and train, and the first goes by itself. */
async function checkWithLora(model: TextModel, method: Method, epsilon: number): Promise<void> {
  const lora = () => injectLora(model, { rank: 2, seed: 3, sites: ["q", "v"], onTop: true });
  const other = () => inject(model, method, true);
  const outputs: HostData[] = [];
  for (const order of [[lora, other], [other, lora]]) {
    using first = order[0]();
    using second = order[1]();
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

const nameOf = ({ spec }: Method): string => {
  const { kind, ...options } = spec;
  return `${kind} ${JSON.stringify(options)}`;
};

/** A check of a method on a model of a family. */
const onFamily = (
  method: Method,
  family: string,
  name: string,
  check: (model: TextModel, epsilon: number) => unknown,
): Check => ({
  name: `${nameOf(method)} on ${family} ${name}`,
  run: async (device, epsilon) => {
    using model = await loadModel(device, golden(allFamilies[family]));
    await check(model, epsilon);
  },
});

/** The checks of a method on a family. */
function checksOf(method: Method, family: string): Check[] {
  const folder = golden(allFamilies[family]), what = `${nameOf(method)} on ${family}`;
  const onModel = (name: string, check: Parameters<typeof onFamily>[3]) =>
    onFamily(method, family, name, check);
  const refusal = method.refuses?.[family];
  if (refusal !== undefined) {
    return [onModel("is refused by name", (model) => {
      const live = model.device.ledger.read().live;
      const error = refusalOf(() => inject(model, method));
      assert(error instanceof RangeError && error.message.includes(refusal), `${error}`);
      assertEquals(model.device.ledger.read().live, live);
    })];
  }
  return [
    onModel(
      "starts as the base, trains alone and leaves it to the bit",
      (model) => checkStart(model, method),
    ),
    onModel("comes back from its folder, and from no other", (model) => checkFolder(model, method)),
    ...method.merges
      ? [
        onModel("computes the same merged", (model, epsilon) => checkMerge(model, method, epsilon)),
      ]
      : [],
    {
      name: `${what} takes the bytes that dry predicts`,
      run: (device) => checkLedger(device, folder, method),
    },
  ];
}

function refusalOf(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
}

/** Properties of all methods. */
const methodChecks: readonly Check[] = methods.flatMap((method) =>
  (method.families ?? Object.keys(families)).flatMap((family) => checksOf(method, family))
);

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
  using adapter = inject(model, method);
  await disturb(adapter);
  const { data } = targetsOf(model);
  const loss = (tape: Tape) => crossEntropy(tape, model.forward(tape, inputs), data);
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
  ...methodChecks,
  ...besideLora,
  { name: "merged biases are the trained ones, to the bit", run: checkMergedBiases },
]);
await testOn([reference], gradientChecks);
