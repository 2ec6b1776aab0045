/** Many adapters in one batch: bits on `cpu`, bytes on `dry`, loading and unloading, and sets in wrong hands. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  AdapterSet,
  injectLora,
  injectUpdates,
  loadAdapter,
  type LowRankUpdate,
  merge,
} from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { DeviceError, ShapeError } from "../../src/core/errors.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, loadModel, parseGpt2Config, type TextModel } from "../../src/models/mod.ts";
import { golden } from "../support/golden.ts";
import {
  alone,
  checkRows,
  checkSteps,
  close,
  equal,
  makeAdapters,
  mixedRows,
  randomTokens,
  setOf,
} from "./adapter_set_checks.ts";
import { logitsOf, tinyModel, trainedLora, withFolder } from "./fixtures.ts";

for (const threads of [1, 2, 4]) {
  Deno.test(`cpu: ${threads} threads without BLAS give single adapters' bits`, async () => {
    using device = await openCpuDevice({ threads, blas: false });
    for (
      const name of ["gpt2_tiny", "gpt2_tiny_f16", "families/llama", "families/roberta_classifier"]
    ) {
      using model = await loadModel(device, golden(name));
      for (const time of [1, 2, 5]) await checkRows(model, mixedRows, time, equal);
      await checkRows(model, ["wide", undefined, "keys"], 1, equal); // Few tokens have products of their own.
    }
    using model = await loadModel(device, golden("gpt2_tiny"));
    for (const rows of [mixedRows, ["all"], [undefined, "wide", "small"]]) {
      await checkSteps(model, rows, equal);
    }
  });
}

/** Wider than a block of any product, and of more tokens than one. */
const wideConfig = parseGpt2Config({
  ...{ vocab_size: 70, n_positions: 64, n_embd: 264, n_layer: 1, n_head: 3, n_inner: 600 },
});

Deno.test("cpu: without BLAS wide layers have single adapters' bits, with it their values", async () => {
  for (const blas of [false, true]) {
    using device = await openCpuDevice({ threads: 2, blas });
    using model = initGpt2(device, wideConfig, { seed: 1 });
    for (const time of [1, 60]) await checkRows(model, mixedRows, time, blas ? close : equal);
  }
});

Deno.test("cpu: with BLAS too, rows of the base have the base's bits", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using model = initGpt2(device, wideConfig, { seed: 1 });
  const inputs = randomTokens(model, 4, 20), adapters = await makeAdapters(model);
  const expected = await alone(model, inputs, undefined);
  using set = setOf(model, adapters);
  set.use(["all", undefined, undefined, "small"]);
  const quarter = expected.length / 4, middle = [quarter, 3 * quarter] as const;
  assertEquals((await logitsOf(model, inputs)).subarray(...middle), expected.subarray(...middle));
});

/** A layer's update of values that matter to nobody. */
function update(rank: number, layer: string, outputs: number, inputs: number): LowRankUpdate {
  const A = { shape: [rank, inputs], data: new Float32Array(rank * inputs).fill(0.1) };
  const B = { shape: [outputs, rank], data: new Float32Array(outputs * rank).fill(0.1) };
  return { module: `transformer.h.0.${layer}`, A, B, scaling: 2 };
}

const ofRank = (
  rank: number,
) => [update(rank, "mlp.c_fc", 48, 12), update(rank, "attn.c_proj", 12, 12)];

/** The ledger with adapters, and after a pass. */
function readings(device: Device) {
  using model = tinyModel(device);
  using set = new AdapterSet(model);
  const before = device.ledger.read().byRole.adapter;
  set.add({ one: ofRank(8) });
  set.add({ two: ofRank(3) });
  set.use(["one", undefined, "two", "one"]);
  const loaded = device.ledger.read();
  using tape = new Tape(device, { record: false });
  model.forward(tape, randomTokens(model, 4, 5));
  return { before, loaded, passed: device.ledger.read() };
}

Deno.test("dry predicts every byte of a set and of its pass", () => {
  using dry = new DryDevice();
  using reference = new ReferenceDevice();
  const predicted = readings(dry);
  assertEquals(predicted, readings(reference));
  // A and B of ranks 8 and 3; 2 layers of 2 adapters of one part of five numbers and a factor, for A and for B;
  // three pieces of three numbers.
  const values = (8 + 3) * (12 + 48 + 12 + 12), tables = 2 * 2 * 2 * (5 + 1), pieces = 3 * 3;
  assertEquals(predicted.before, 0);
  assertEquals(predicted.loaded.byRole.adapter, 4 * (values + tables + pieces));
});

Deno.test("folders are loaded and unloaded between passes, and others keep their rows", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using model = await loadModel(device, golden("gpt2_tiny"));
  const inputs = randomTokens(model, 3, 4), folder = golden("adapters/peft_all_linear");
  const rslora = golden("adapters/peft_rslora"), expected: Record<string, HostData> = {};
  for (const [name, from] of Object.entries({ folder, rslora })) {
    using _ = await loadAdapter(model, from);
    expected[name] = await logitsOf(model, inputs);
  }
  expected.base = await logitsOf(model, inputs);
  using set = new AdapterSet(model);
  const check = async (rows: readonly (string | undefined)[]) => {
    const all = await logitsOf(model, inputs), width = all.length / 3;
    rows.forEach((name = "base", row) => {
      const own = [row * width, (row + 1) * width] as const;
      assertEquals(all.subarray(...own), expected[name].subarray(...own), `row ${row}: ${name}`);
    });
  };
  await set.load({ folder });
  const loading = set.load({ rslora });
  set.use(["folder", undefined, "folder"]);
  await check(["folder", undefined, "folder"]);
  await loading;
  await check(["folder", undefined, "folder"]); // What rows have is as it was.
  set.use(["rslora", "folder", undefined]);
  await check(["rslora", "folder", undefined]);
  set.use(["rslora", undefined, undefined]);
  set.unload("folder");
  await check(["rslora", undefined, undefined]);
  assertEquals(set.names, ["rslora"]);
  await set.load({ folder });
  set.use(["rslora", "folder", "rslora"]);
  await check(["rslora", "folder", "rslora"]);
  set.unload("folder");
  await assertRejects(
    () => logitsOf(model, inputs),
    RangeError,
    "found none: call use(rows) before",
  );
  set.remove();
  assertEquals(await logitsOf(model, inputs), expected.base);
});

Deno.test("adapters of more than A and B of linear layers are refused, and the set stays as it was", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const live = device.ledger.read().live;
  using set = new AdapterSet(model);
  const empty = device.ledger.read().live;
  assertEquals(empty, live);
  for (
    const [folder, found] of [
      ["peft_lora_bias", "found a bias of B on transformer.h.0"],
      ["peft_bias_all", "found the base's biases"],
      ["peft_tables", "found "],
      ["peft_tokens", "found rows of tables"],
    ]
  ) {
    await assertRejects(() => set.load({ one: golden(`adapters/${folder}`) }), RangeError, found);
  }
  assertEquals(set.names, []);
  assertEquals(device.ledger.read().live, empty);
});

Deno.test("names, rows and models that do not fit are refused", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  {
    using _ = injectLora(model, { rank: 1, sites: ["q"] });
    assertThrows(
      () => new AdapterSet(model),
      RangeError,
      "AdapterSet needs a model without an adapter",
    );
  }
  using set = new AdapterSet(model);
  assertThrows(
    () => injectLora(model, { rank: 1, sites: ["q"] }),
    RangeError,
    "without an adapter",
  );
  const pass = (batch: number) => logitsOf(model, randomTokens(model, batch, 2));
  await assertRejects(() => pass(2), RangeError, "needs the adapters of its rows, found none");
  set.add({ one: ofRank(2) });
  assertThrows(() => set.add({ one: ofRank(2) }), RangeError, 'a name of its own, found "one"');
  assertThrows(() => set.add({ "": ofRank(2) }), RangeError, 'a name of its own, found ""');
  assertThrows(() => set.add({ two: [update(2, "mlp.c_fc", 47, 12)] }), ShapeError, "mlp.c_fc");
  assertThrows(() => set.use([]), RangeError, "at least 1 row, found none");
  assertThrows(() => set.use(["two"]), RangeError, 'one of the set (one), found "two"');
  assertThrows(() => set.unload("two"), RangeError, 'one of the set (one), found "two"');
  set.use(["one", undefined]);
  await assertRejects(() => pass(3), ShapeError, "of its 3 rows, found those of 2");
  await pass(2);
  using tape = new Tape(device);
  using lora = injectLora(model, { rank: 1, sites: ["q"], onTop: true });
  assertThrows(() => model.forward(tape, randomTokens(model, 2, 2)), RangeError, "are not trained");
  lora.remove();
  using deberta = await loadModel(device, golden("families/deberta_classifier"));
  assertThrows(() => new AdapterSet(deberta), RangeError, "found deberta");
});

Deno.test("an adapter that is in the weights already is refused", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  await withFolder(async (folder) => {
    {
      using adapter = trainedLora(model);
      await adapter.save(folder);
    }
    using adapter = await loadAdapter(model, folder);
    using merged = merge(model, adapter);
    using set = new AdapterSet(merged);
    await assertRejects(
      () => set.load({ again: folder }),
      RangeError,
      "in the model's weights already",
    );
  });
});

async function updatesOf(model: TextModel, seed: number): Promise<LowRankUpdate[]> {
  using adapter = trainedLora(model, { seed });
  return await adapter.read();
}

Deno.test("two equal adapters may be in one set, as a row has one of them", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  using set = new AdapterSet(model);
  const folder = golden("adapters/peft_all_linear");
  await set.load({ best: folder, last: folder });
  set.use(["best", "last"]);
  const { tokens } = randomTokens(model, 1, 3),
    data = Uint32Array.of(...tokens.data, ...tokens.data);
  const logits = await logitsOf(model, { tokens: { shape: [2, 3], data } }),
    half = logits.length / 2;
  assertEquals(logits.subarray(0, half), logits.subarray(half));
});

Deno.test("what is no adapter, no list of rows and no folder is refused in a sentence", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using set = new AdapterSet(model);
  for (const [bad, found] of [[null, "null"], ["x", '"x"'], [3, "3"], [[1], "[1]"]] as const) {
    const message = `must be an object, found ${found}`;
    assertThrows(() => set.add(bad as never), TypeError, `AdapterSet.add ${message}`);
    await assertRejects(() => set.load(bad as never), TypeError, `AdapterSet.load ${message}`);
  }
  const list = "AdapterSet.add needs a list of updates, found ";
  assertThrows(() => set.add({ a: null } as never), TypeError, `${list}null`);
  assertThrows(() => set.add({ a: 3 } as never), TypeError, `${list}3`);
  const one = "must be an object, found null";
  assertThrows(
    () => set.add({ a: [null] } as never),
    TypeError,
    `an update of AdapterSet.add ${one}`,
  );
  using other = tinyModel(device);
  assertThrows(() => injectUpdates(other, [null] as never), TypeError, `injectUpdates ${one}`);
  for (const [bad, found] of [[null, "null"], ["x", '"x"'], [{}, "{}"]] as const) {
    assertThrows(
      () => set.use(bad as never),
      TypeError,
      `list of its rows' adapters, found ${found}`,
    );
  }
  await assertRejects(() => set.load({}, { alow: [] } as never), TypeError, "did you mean allow?");
  assertEquals(set.names, []);
});

Deno.test("a set that was disposed takes nothing and allocates nothing", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const updates = await updatesOf(model, 1), { live } = device.ledger.read();
  const set = new AdapterSet(model);
  set.add({ one: updates });
  set[Symbol.dispose]();
  for (
    const use of [() => set.add({ two: updates }), () => set.unload(), () => set.use([undefined])]
  ) {
    assertThrows(use, DeviceError, "a set of adapters was used after it was disposed");
  }
  await assertRejects(() => set.load({}), DeviceError, "after it was disposed");
  assertEquals(device.ledger.read().live, live);
  using _ = injectLora(model, { rank: 1 });
});

Deno.test("when there is no room for the new rows' table, the set is as it was", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const updates = await updatesOf(model, 1), inputs = randomTokens(model, 2, 3);
  using set = new AdapterSet(model);
  set.add({ one: updates });
  set.use(["one", undefined]);
  const before = await logitsOf(model, inputs), { live } = device.ledger.read();
  const allocate = device.allocate.bind(device);
  device.allocate = (...all) => {
    if (all[3] === "rows by adapter") throw new DeviceError("no room");
    return allocate(...all);
  };
  assertThrows(() => set.add({ two: updates }), DeviceError, "no room");
  assertThrows(() => set.use([undefined, "one"]), DeviceError, "no room");
  device.allocate = allocate;
  assertEquals(set.names, ["one"]);
  assertEquals(device.ledger.read().live, live);
  assertEquals(await logitsOf(model, inputs), before);
});
