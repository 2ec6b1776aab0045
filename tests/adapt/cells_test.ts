/** Cells of a notebook that run again stack no adapter and train no base unasked. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  injectBitFit,
  injectBottleneck,
  injectLora,
  injectLoraPrefix,
  injectUpdates,
  loadAdapter,
} from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { Perceptron } from "../../src/models/mod.ts";
import { evaluate, train, Trainer } from "../../src/train/mod.ts";
import {
  assertAlone,
  labels,
  logitsOf,
  tinyModel,
  tokens,
  valuesOf,
  withFolder,
} from "./fixtures.ts";

const batches = [{ inputs: { tokens }, targets: { shape: [2, 5], data: labels } }];
const options = { learningRate: 1e-2, steps: 3 };

const taken =
  "needs a model without an adapter, found one of 192 values on it: call its remove(), or pass onTop: true";

Deno.test("a cell that injects runs again: it throws, and the first adapter stays alone", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = injectLora(model, { rank: 2 });
    assertEquals(adapter.sites.map(({ role }) => role), ["q", "v", "q", "v"]);
    await train(adapter, batches, options).finish();
    await adapter.save(folder);
    const said = await logitsOf(model), before = device.ledger.read().byRole;
    const again = {
      injectLora: () => injectLora(model, { rank: 4 }),
      injectBitFit: () => injectBitFit(model),
      injectBottleneck: () => injectBottleneck(model, { size: 2 }),
      injectUpdates: () => injectUpdates(model, []),
    };
    for (const [name, inject] of Object.entries(again)) {
      assertThrows(inject, RangeError, `${name} ${taken}`);
    }
    const failure = await loadAdapter(model, folder).catch((error) => error);
    assertEquals([failure instanceof RangeError, failure.message.slice(0, 5)], [true, "loadA"]);
    assertAlone(model, adapter);
    assertEquals([await logitsOf(model), device.ledger.read().byRole], [said, before]);
    {
      using second = injectLora(model, { rank: 4, onTop: true });
      assert(model.adapters.has(adapter) && model.adapters.has(second));
    }
    adapter.remove();
    using next = injectLora(model, { rank: 4 });
    assertAlone(model, next);
  }));

Deno.test("a cell that trains runs again after remove(): it throws, and the base keeps its bits", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const base = await logitsOf(model), adapter = injectLora(model, { rank: 2 });
  const cell = () => train(adapter, batches, options).finish();
  assertEquals((await cell()).steps, 3);
  adapter.remove();
  assertThrows(
    cell,
    RangeError,
    "training needs an adapter that is on its model, found one that was",
  );
  adapter[Symbol.dispose]();
  assertThrows(cell, RangeError, "that was removed: inject it again");
  assertEquals(await logitsOf(model), base);
});

Deno.test("training an adapter trains its own values, and leaves the one beside it alone", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using first = injectLora(model, { rank: 2 });
  using second = injectLora(model, { rank: 3, onTop: true });
  const read = () => Promise.all(first.parameters.map(({ tensor }) => valuesOf(tensor)));
  const before = await read(), { loss } = await evaluate(model, batches);
  const history = await train(second, batches, { ...options, steps: 20 }).finish();
  assertEquals([await read(), history.steps], [before, 20]);
  assert((await evaluate(model, batches)).loss < loss);
  assert(first.parameters.every(({ trainable }) => trainable));
});

Deno.test("a training says what it trains, and of how many values", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const said = (what: Parameters<typeof train>[0]) => train(what, batches, options).description;
  assertEquals(said(model), "trains all 4,020 values of the model");
  model.parameters.get("transformer.wte.weight")!.trainable = false;
  assertEquals(said(model), "trains 3,888 values, 97% of the model's 4,020");
  using adapter = injectLora(model, { rank: 2 });
  const one = "trains 192 values of the adapter, 4.8% of the model's 4,020";
  assertEquals([said(adapter), said(model)], [one, one]);
  using bitfit = injectBitFit(model, { onTop: true });
  assertEquals(said(bitfit), "trains 276 values of the adapter, 6.9% of the model's 4,020");
  assertEquals(said(model), "trains 468 values of 2 adapters, 12% of the model's 4,020");
});

Deno.test("LoRA with virtual tokens is one adapter, whose values count once", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const [, width] = model.linears[0].weight.shape;
  using adapter = injectLoraPrefix(model, { prefix: "prefix-embedding", length: 2, rank: 2 });
  const count = 192 + 2 * width;
  const said = train(model, batches, options).description;
  assertEquals(said, train(adapter, batches, options).description);
  assert(said.startsWith(`trains ${count} values of the adapter, `), said);
  const message = `found one of ${count} values on it`;
  assertThrows(() => injectLora(model, { rank: 2 }), RangeError, message);
});

Deno.test("a history has the numbers of every step and of every evaluation", async () => {
  using device = new ReferenceDevice();
  using model = Perceptron.init(device, { widths: [3, 2], biases: false }, 1);
  const inputs = { shape: [2, 3], data: Float32Array.of(1, 0, 2, 0, 1, 1) };
  const rows = [{ inputs, targets: { shape: [2], data: Int32Array.of(0, 1) } }];
  const watch = { ...options, evaluateEvery: 2, evaluate: (step: number) => step * 10 };
  const training = train(model, rows, watch), losses: number[] = [];
  for await (const { loss } of training) {
    losses.push(loss);
    assertEquals(training.history.steps, losses.length);
  }
  const { history } = training;
  assertEquals([history.loss, history.learningRate], [losses, [0.01, 0.01, 0.01]]);
  assertEquals(history.evaluations, [{ steps: 2, evaluation: 10 }]);
  assertEquals([history.stopped, await training.finish()], [false, history]);
  const signal = AbortSignal.abort();
  assertEquals((await train(model, rows, { ...options, signal }).finish()).steps, 0);
});

Deno.test("a training of something else is refused at once", () => {
  for (const what of [undefined, null, 3, {}, { parameters: [] }]) {
    // deno-lint-ignore no-explicit-any -- what a caller without types may pass
    const wrong = () => train(what as any, batches, options);
    assertThrows(wrong, TypeError, "training needs a model or an adapter, found");
  }
});

Deno.test("an option that does not exist is refused, and says what may have been meant", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  const lora = (options: any) => () => injectLora(model, options);
  const known = "the options of injectLora are rank, alpha, sites, targetModules, dropout,";
  const meant = {
    alhpa: "alpha",
    r: "rank",
    lora_alpha: "alpha",
    target_modules: "targetModules",
    Rank: "rank",
    layers: undefined,
    "\u001b[2J": undefined,
    constructor: undefined,
  };
  for (const [name, right] of Object.entries(meant)) {
    const hint = right ? ` (did you mean ${right}?)` : "";
    const { message } = assertThrows(lora({ rank: 2, [name]: 3 }), TypeError, known);
    const found = `onTop; found ${JSON.stringify(name)}${hint}`.replaceAll("\\u001b", "");
    assert(message.replaceAll(/\\u001b|\\x1b/gi, "").endsWith(found), message);
  }
  assertThrows(lora(undefined), TypeError, "the options of injectLora must be an object");
  assertEquals(model.adapters.size, 0);
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  const trainer = (more: any) => () => new Trainer(model, { ...options, ...more });
  assertThrows(trainer({ lr: 1 }), TypeError, "(did you mean learningRate?)");
  assertThrows(trainer({ warmup_steps: 1 }), TypeError, "(did you mean warmupSteps?)");
  assertThrows(
    trainer({ groups: [{ parameters: [], lr: 1 }] }),
    TypeError,
    "the options of a group",
  );
  // deno-lint-ignore no-explicit-any -- what a caller without types may pass
  const run = () => train(model, batches, { ...options, evaluateEach: 2 } as any);
  assertThrows(run, TypeError, "(did you mean evaluateEvery?)");
});

Deno.test("of two adapters that are loaded at once only one comes onto the model", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    {
      using adapter = injectLora(model, { rank: 2 });
      await adapter.save(folder);
    }
    const loading = [loadAdapter(model, folder), loadAdapter(model, folder)];
    const ends = (await Promise.allSettled(loading)).map(({ status }) => status);
    assertEquals([ends.toSorted(), model.adapters.size], [["fulfilled", "rejected"], 1]);
  }));
