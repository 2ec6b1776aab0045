/** Switching a merged model between adapters: no trace of those before. */

import { assertEquals, assertThrows } from "@std/assert";
import { type Adapter, merge, switchTo } from "../../src/adapt/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, loadModel, type Model, parseGpt2Config } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";
import { golden } from "../support/golden.ts";
import { tinyModel, trainedLora } from "./fixtures.ts";

/** The values of all parameters. */
const weightsOf = ({ device, parameters }: Model): Promise<HostTensor[]> =>
  device.read(...[...parameters.values()].map(({ tensor }) => tensor));

/** Four adapters of different ranks and sites, one of them DoRA. */
function* adaptersOf(model: Model): Generator<Adapter> {
  yield trainedLora(model);
  yield trainedLora(model, { rank: 5, alpha: 3, targetModules: "all-linear", seed: 2 });
  yield trainedLora(model, { rank: 1, sites: ["o"], rankStabilized: true, seed: 3 });
  yield trainedLora(model, { rank: 2, targetModules: ["c_fc"], dora: true, seed: 4 });
}

for (const name of ["gpt2_tiny", "gpt2_tiny_bf16"]) {
  Deno.test(`${name}: after 1,000 random switches the weights are the first ones, bit for bit`, async () => {
    using device = await openCpuDevice({ threads: 1 });
    using model = await loadModel(device, golden(name));
    using stack = new DisposableStack();
    const adapters = [...adaptersOf(model)].map((adapter) => stack.use(adapter));
    for (const adapter of adapters) adapter.remove();
    using merged = merge(model, adapters);
    const { live } = device.ledger.read(), random = new Random(1);
    switchTo(merged, adapters[0]);
    const first = await weightsOf(merged);
    for (let i = 0; i < 1000; i++) switchTo(merged, [...adapters, undefined][random.integer(5)]);
    switchTo(merged, adapters[0]);
    assertEquals(await weightsOf(merged), first);
    for (const adapter of adapters) {
      switchTo(merged, adapter);
      using alone = merge(model, adapter);
      const own = new Map([...alone.parameters].filter(([name]) => merged.parameters.has(name)));
      for (const [name, { tensor }] of own) {
        const pair = await device.read(merged.parameters.get(name)!.tensor, tensor);
        assertEquals(pair[0], pair[1], name);
      }
    }
    assertEquals(device.ledger.read().live, live);
  });
}

Deno.test("a switch to none gives the base's weights, and one to weights that are shared is refused", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using attention = trainedLora(model);
  using all = trainedLora(model, { sites: "all" });
  using merged = merge(model, attention);
  const before = await weightsOf(merged);
  assertThrows(
    () => switchTo(merged, all),
    RangeError,
    "found one of transformer.h.0.attn.c_proj.weight",
  );
  assertEquals(await weightsOf(merged), before);
  switchTo(merged);
  assertEquals(await weightsOf(merged), await weightsOf(model));
  assertEquals(merged.merged, []);
  assertThrows(() => merge(merged, [attention, attention]), RangeError, "applied once");
  switchTo(merged, attention);
  assertEquals(await weightsOf(merged), before);
  assertThrows(() => merge(merged, attention), RangeError, "in the model's weights already");
});

/** As `tinyModel`, but wider. */
const wideConfig = parseGpt2Config({
  ...{ vocab_size: 11, n_positions: 8, n_embd: 24, n_layer: 2, n_head: 3 },
});

Deno.test("a switch to an adapter of another base, a disposed one or one in the base changes nothing", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using first = trainedLora(model);
  using merged = merge(model, first);
  const before = await weightsOf(merged), { merged: names } = merged;
  using wide = initGpt2(device, wideConfig, { seed: 1 });
  using twin = tinyModel(device);
  using onBase = merge(model, first); // a base that has the adapter in its weights
  using again = merge(onBase, trainedLora(onBase, { seed: 2 }));
  const gone = trainedLora(model, { seed: 3, onTop: true });
  gone[Symbol.dispose]();
  for (const other of [wide, twin]) {
    using stranger = trainedLora(other);
    assertThrows(() => switchTo(merged, stranger), RangeError, "found one of another base");
  }
  assertThrows(() => switchTo(merged, gone), DeviceError, "after it was disposed");
  using twice = trainedLora(shareBase(onBase));
  twice.values = first.values; // as of the same file
  assertThrows(() => switchTo(again, twice), RangeError, "in the model's weights already");
  assertThrows(() => switchTo(model as never, first), TypeError, "a model that merge has made");
  assertEquals(await weightsOf(merged), before);
  assertEquals(merged.merged, names);
  using shared = trainedLora(shareBase(model));
  switchTo(merged, shared);
  assertEquals(merged.merged, [shared.values!]);
});
