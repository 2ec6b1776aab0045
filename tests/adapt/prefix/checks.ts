/** What holds for virtual tokens on every device; `prefix_test.ts` and `prefix_parts_test.ts` run it. @module */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { evaluateFormula } from "../../../src/accounting/mod.ts";
import { injectLora, loadAnyAdapter, type PrefixKind } from "../../../src/adapt/mod.ts";
import { Tape } from "../../../src/autograd/mod.ts";
import { type HostTensor, hostTensor } from "../../../src/core/host_tensor.ts";
import type { Device } from "../../../src/device/device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import {
  allocateModel,
  beamSearch,
  generate,
  outputsOf,
  readConfig,
  type TextModel,
} from "../../../src/models/mod.ts";
import { Trainer } from "../../../src/train/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import type { Check } from "../../support/devices.ts";
import { golden } from "../../support/golden.ts";
import { valuesOf, withFolder } from "../fixtures.ts";
import {
  disturb,
  inputs,
  kinds,
  lossOf,
  methods,
  openFamily,
  pairs,
  targetsOf,
} from "./prefixes.ts";
import { seen, startChecks, tolerance } from "./start_checks.ts";

async function checkRemoval(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  const base = await outputsOf(model, inputs), before = device.ledger.read();
  const { positions } = model;
  {
    using adapter = methods[kind](model, { length: 3, seed: 1 });
    assertEquals(model.positions, positions - 3);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    const started = await seen(model);
    await disturb(adapter);
    assertNotEquals(await seen(model), started);
    const bytes = adapter.parameters.reduce((sum, { size }) => sum + 4 * size, 0);
    assertEquals(device.ledger.read().byRole.adapter - before.byRole.adapter, bytes);
    adapter.remove();
    adapter.remove();
    assertEquals(await outputsOf(model, inputs), base);
    assertEquals(model.positions, positions);
  }
  const after = device.ledger.read();
  assertEquals([after.byRole, after.padding], [before.byRole, before.padding]);
  assertEquals(model.trainable().length, model.parameters.size);
}

async function checkSaved(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  const isClassifier = model.architecture.head === "classes";
  const head = name === "classifier" || name.includes("llama") ? "score" : "classifier";
  const promptFormat = { template: "Q: {prompt}", endOfTextFirst: false, separator: " " };
  await withFolder(async (folder) => {
    let outputs: HostTensor;
    {
      using adapter = methods[kind](model, {
        length: 2,
        ...(isClassifier && { modulesToSave: [head] }),
      });
      adapter.promptFormat = promptFormat;
      await disturb(adapter);
      outputs = await outputsOf(model, inputs);
      await adapter.save(folder);
    }
    using loaded = await loadAnyAdapter(model, folder);
    assertEquals(await outputsOf(model, inputs), outputs);
    assertEquals(loaded.promptFormat, promptFormat);
    assertEquals(loaded.parameters.length > 1, isClassifier);
  });
}

/** Greedy and beam continuations without a cache: every token costs a whole pass. */
async function checkGeneration(
  device: Device,
  kind: PrefixKind,
  name: string,
  epsilon: number,
): Promise<void> {
  using model = await openFamily(device, name);
  using adapter = methods[kind](model, { length: 4, seed: 2 });
  await disturb(adapter);
  const prompt = [5, 9, 30], made: number[] = [];
  for (let step = 0; step < 8; step++) {
    const ids = Uint32Array.from([...prompt, ...made]), last = ids.length - 1;
    const given = { tokens: hostTensor([1, ids.length], ids) };
    const { data } = await outputsOf(model, given, { rows: [last] });
    const all = (await outputsOf(model, given)).data.subarray(last * data.length);
    assertAllClose(data, all, tolerance(epsilon));
    made.push(data.indexOf(Math.max(...data)));
  }
  const generated = await Array.fromAsync(generate(model, prompt, { maxNewTokens: 8 }));
  assertEquals(generated, made);
  const one = await beamSearch(model, prompt, { beams: 1, maxNewTokens: 8 });
  assertEquals(one.tokens, made);
  const wide = await beamSearch(model, prompt, { beams: 3, maxNewTokens: 6 });
  assertEquals(wide.tokens.length, 6);
}

/** A step's bytes by role, live and at the peak, where nothing was allocated and where it was. */
async function ledgerOf(device: Device, kind: PrefixKind, name: string) {
  const config = await readConfig(golden(name));
  device.ledger.resetPeak();
  using model = allocateModel(device, config);
  using _ = methods[kind](model, { length: 3, seed: 1 });
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2 });
  const batch = { inputs, targets: targetsOf(model) };
  for (let step = 0; step < 2; step++) trainer.step([batch]);
  return device.ledger.read();
}

/** The paper's formulas, and that of prefix tuning. */
function countOf(kind: PrefixKind, { blockShape }: TextModel, l_p: number): bigint {
  const { count: L, width: d, keys } = blockShape;
  if (kind === "prefix-embedding") return evaluateFormula("preEmbedParameters", { d, l_p, l_i: 0 });
  if (kind === "prefix-layer") return evaluateFormula("preLayerParameters", { d, L, l_p, l_i: 0 });
  return evaluateFormula("prefixTuningParameters", { d_kv: keys!.width, L, l_p });
}

async function checkTraining(device: Device, kind: PrefixKind, name: string): Promise<void> {
  using model = await openFamily(device, name);
  const own = [...model.parameters.values()].map(({ tensor }) => tensor);
  const before = await device.read(...own);
  using adapter = methods[kind](model, { length: 3, seed: 1 });
  assertEquals(BigInt(adapter.parameters[0].size), countOf(kind, model, 3));
  const start = await valuesOf(adapter.parameters[0].tensor);
  using trainer = new Trainer(model, { learningRate: 2e-2, steps: 3 });
  const batch = { inputs, targets: targetsOf(model) };
  for (let step = 0; step < 3; step++) trainer.step([batch]);
  assertEquals(await device.read(...own), before);
  assertNotEquals(await valuesOf(adapter.parameters[0].tensor), start);
}

async function checkWithLora(device: Device, kind: PrefixKind, epsilon: number): Promise<void> {
  using model = await openFamily(device, "gpt2_tiny");
  const lora = () => injectLora(model, { rank: 2, sites: ["q", "v"], seed: 3, onTop: true });
  const prefix = () => methods[kind](model, { length: 2, seed: 4, onTop: true });
  const found: number[][] = [];
  for (const order of [[lora, prefix], [prefix, lora]]) {
    using first = order[0]();
    using second = order[1]();
    const both = new Set([...first.parameters, ...second.parameters]);
    assertEquals(new Set(model.trainable()), both);
    await disturb(first);
    const alone = await seen(model);
    await disturb(second);
    assertNotEquals(await seen(model), alone);
    found.push(await seen(model));
    using tape = new Tape(device);
    tape.backward(lossOf(tape, model));
    for (const parameter of both) assert(tape.gradientOf(parameter), parameter.name);
    first.remove();
    assertEquals(new Set(model.trainable()), new Set(second.parameters));
  }
  // The values are the same, but a start beside LoRA's zeros and one without it are computed by other kernels.
  assertAllClose(found[0], found[1], tolerance(epsilon));
}

/** Properties of virtual tokens. */
export const checks: readonly Check[] = [
  ...startChecks,
  ...pairs.map(([kind, name]): Check => ({
    name:
      `${kind} on ${name} trains what is counted, is saved and loaded, and leaves the base's bits`,
    async run(device) {
      await checkRemoval(device, kind, name);
      await checkTraining(device, kind, name);
      await checkSaved(device, kind, name);
    },
  })),
  ...pairs.filter(([, name]) => /gpt2|llama$|wide|qwen/.test(name)).map(([kind, name]): Check => ({
    name: `${kind} on ${name}: text with the cache is that without it`,
    run: (device, epsilon) => checkGeneration(device, kind, name, epsilon),
  })),
  ...pairs.filter(([, name]) => /gpt2|llama_wide|bert_class|masked/.test(name))
    .map(([kind, name]): Check => ({
      name: `${kind} on ${name}: the bytes of its steps are predicted`,
      async run(device) {
        using dry = new DryDevice();
        assertEquals(await ledgerOf(device, kind, name), await ledgerOf(dry, kind, name));
      },
    })),
  ...kinds.map((kind): Check => ({
    name: `${kind} and LoRA act and train together, whichever came first`,
    run: (device, epsilon) => checkWithLora(device, kind, epsilon),
  })),
];
