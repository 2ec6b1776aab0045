/** Properties of LoRA adapters on every device. */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { deltaWeight, injectLora, loadAdapter, merge, swap, unmerge } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { indicesOf } from "../../src/core/update.ts";
import { assertAllClose } from "../support/all_close.ts";
import {
  labels,
  logitsOf,
  lossOf,
  tinyModel,
  tokens,
  trainedLora,
  valuesOf,
  withFolder,
} from "./fixtures.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";

const selections = [
  { sites: ["q", "v"] },
  { sites: "all" },
  { targetModules: ["c_attn", "mlp.c_proj"] },
] as const;

/** All of them. */
const checks: readonly Check[] = [
  {
    name: "with B = 0 the logits are the base's to the bit, with dropout too",
    async run(device) {
      using model = tinyModel(device);
      const base = await logitsOf(model);
      for (const selection of selections) {
        using _ = injectLora(model, { rank: 2, alpha: 5, seed: 1, dropout: 0.5, ...selection });
        assertEquals(await logitsOf(model), base);
        assertEquals(await logitsOf(model, { tokens }, { dropoutSeed: 3 }), base);
      }
    },
  },
  {
    name: "adapters add up, and each takes exactly its own sites off",
    async run(device, epsilon) {
      using model = tinyModel(device);
      const base = await logitsOf(model);
      using first = trainedLora(model, { seed: 1 });
      const one = await logitsOf(model);
      using second = trainedLora(model, { seed: 2, sites: "all" });
      const both = await logitsOf(model);
      using merged = merge(model, [first, second]);
      assertAllClose(await logitsOf(merged), both, tolerance(epsilon));
      using reversed = merge(model, [second, first]);
      assertAllClose(await logitsOf(reversed), both, tolerance(epsilon));
      assertNotEquals(both, one);
      second.remove();
      assertEquals(await logitsOf(model), one);
      first.remove();
      first.remove();
      assertEquals(await logitsOf(model), base);
      assert(model.linears.every(({ adaptations }) => adaptations.length === 0));
    },
  },
  {
    name: "the removal of the older of two adapters leaves the younger in force",
    async run(device) {
      using model = tinyModel(device);
      using younger = trainedLora(model, { seed: 2 });
      const alone = await logitsOf(model);
      younger.remove();
      using older = trainedLora(model, { seed: 1 });
      using again = trainedLora(model, { seed: 2 });
      older.remove();
      assertEquals(await logitsOf(model), alone);
      assertEquals(again.sites.length, 4);
      assert(model.trainable().length === 8);
    },
  },
  {
    name: "merged weights are W + ΔW, and the merged model says what the adapted one says",
    async run(device, epsilon) {
      for (const selection of selections) {
        using model = tinyModel(device);
        using adapter = trainedLora(model, selection);
        const adapted = await logitsOf(model);
        using merged = merge(model, adapter);
        assertAllClose(await logitsOf(merged), adapted, tolerance(epsilon));
        const expected = new Map<string, Float64Array>();
        for (const { module, linear, rows, ...update } of await withLinears(adapter)) {
          const sum = expected.get(module) ??
            Float64Array.from(await valuesOf(linear.weight.dense()));
          const [count, width] = linear.weight.shape, all = { start: 0, count };
          const delta = deltaWeight(update).data;
          indicesOf(rows ?? all).forEach((row, at) => {
            for (let i = 0; i < width; i++) sum[row * width + i] += delta[at * width + i];
          });
          expected.set(module, sum);
        }
        for (const { name, weight } of merged.linears) {
          if (!expected.has(name)) continue;
          // ΔW is rounded to F32 by deltaWeight, so even float64 agrees to 1e-7 only.
          const close = { relative: 1e-7 + 2 * epsilon, absolute: 1e-7 };
          assertAllClose(await valuesOf(weight.dense()), expected.get(name)!, close);
        }
      }
    },
  },
  {
    name: "unmerging gives the base back to the bit, and frees what merging took",
    async run(device) {
      using model = tinyModel(device);
      const base = await logitsOf(model), live = device.ledger.read().live;
      {
        using adapter = trainedLora(model, { sites: "all" });
        adapter.remove();
        const before = device.ledger.read().byRole.weight;
        const merged = merge(model, adapter);
        const bytes = model.linears.reduce((sum, { weight }) => sum + weight.bytes, 0);
        assertEquals(device.ledger.read().byRole.weight - before, bytes);
        assertNotEquals(await logitsOf(merged), base);
        assert(unmerge(merged) === model);
        assertEquals(await logitsOf(model), base);
      }
      assertEquals(device.ledger.read().live, live);
    },
  },
  {
    name: "swapping tasks in place equals a fresh merge up to rounding",
    async run(device, epsilon) {
      using model = tinyModel(device);
      using first = trainedLora(model, { seed: 1 });
      using second = trainedLora(model, { seed: 2 });
      using merged = merge(model, first);
      using fresh = merge(model, second);
      const live = device.ledger.read().live;
      swap(merged, first, second);
      assertEquals(device.ledger.read().live, live);
      assertAllClose(await logitsOf(merged), await logitsOf(fresh), tolerance(epsilon));
    },
  },
  {
    name: "a saved adapter comes back with the same sites, scalings and bits",
    async run(device) {
      for (const selection of selections) {
        await withFolder(async (folder) => {
          using model = tinyModel(device);
          const live = device.ledger.read();
          {
            using adapter = trainedLora(model, selection);
            const [values, adapted] = [await adapter.read(), await logitsOf(model)];
            await adapter.save(folder);
            adapter.remove();
            using loaded = await loadAdapter(model, folder);
            assertEquals(await loaded.read(), values);
            assertEquals(await logitsOf(model), adapted);
          }
          assertEquals(device.ledger.read().byRole, live.byRole);
          assertEquals(device.ledger.read().padding, live.padding);
        });
      }
    },
  },
  {
    name: "a frozen base gets no gradient, and no kernel runs for one",
    async run(device) {
      using model = tinyModel(device);
      using adapter = trainedLora(model, { sites: "all" });
      const before = new Map(device.ledger.launches);
      using tape = new Tape(device);
      tape.backward(lossOf(tape, model));
      assertEquals(device.ledger.read().byRole.gradient, adapter.bytes);
      const count = (kernel: string) =>
        (device.ledger.launches.get(kernel) ?? 0) - (before.get(kernel) ?? 0);
      assertEquals(count("matmul > gradient"), 2 * adapter.sites.length);
      const others = [...device.ledger.launches.keys()].filter((key) => key.endsWith("> gradient"));
      assertEquals(others.filter((key) => count(key) > 0), ["matmul > gradient"]);
      const parameterKernels = /^(layer_norm_backward_parameters|embedding_backward|sum_columns)/;
      const ran = [...device.ledger.launches.keys()].filter((key) => count(key) > 0);
      assertEquals(ran.filter((key) => parameterKernels.test(key)), []);
      assertEquals(
        [...model.parameters.values()].map((p) => tape.gradientOf(p)).filter(Boolean),
        [],
      );
      await device.read(tape.gradientOf(adapter.sites[0].A)!);
    },
  },
  {
    name: "everything that adapters take is given back",
    async run(device) {
      using model = tinyModel(device);
      const before = device.ledger.read();
      {
        using adapter = trainedLora(model, { dropout: 0.1 });
        assertEquals(device.ledger.read().byRole.adapter - before.byRole.adapter, adapter.bytes);
        using merged = merge(model, adapter);
        using tape = new Tape(device, { dropoutSeed: 2 });
        tape.backward(lossOf(tape, model));
        await adapter.deltaWeight(adapter.sites[0].name);
        await logitsOf(merged);
        adapter[Symbol.dispose]();
      }
      const after = device.ledger.read();
      assertEquals([after.byRole, after.padding], [before.byRole, before.padding]);
      assertEquals(labels.length, tokens.data.length);
    },
  },
];

/** Logits are sums of some hundred terms of size one. */
const tolerance = (epsilon: number) => ({ relative: 30 * epsilon, absolute: 30 * epsilon });

async function withLinears(adapter: ReturnType<typeof trainedLora>) {
  const values = await adapter.read();
  return values.map((value, i) => ({ ...value, linear: adapter.sites[i].linear }));
}

/** Variants of LoRA: magnitudes, biases of B, biases of the base. */
const variants = [
  { dora: true, targetModules: "all-linear" },
  { loraBias: true, targetModules: "all-linear" },
  { bias: "all", targetModules: ["c_attn"] },
  { bias: "lora_only", targetModules: ["c_attn"] },
] as const;

const variantChecks: readonly Check[] = [
  {
    name: "a new adapter of each variant changes no logit, trains, and comes back from its file",
    async run(device, epsilon) {
      for (const option of variants) {
        using model = tinyModel(device);
        const base = await logitsOf(model), live = device.ledger.read();
        {
          using fresh = injectLora(model, { rank: 2, seed: 1, ...option });
          assertEquals(await logitsOf(model), base);
          assertEquals(model.trainable().length, fresh.parameters.length);
        }
        await withFolder(async (folder) => {
          using adapter = trainedLora(model, option);
          const adapted = await logitsOf(model);
          await adapter.save(folder);
          using merged = merge(model, adapter);
          const close = { relative: 60 * epsilon, absolute: 60 * epsilon };
          assertAllClose(await logitsOf(merged), adapted, close);
          adapter.remove();
          assertEquals(await logitsOf(model), base);
          using _ = await loadAdapter(model, folder);
          // Values pass through F32, in which the reference device does not compute.
          assertAllClose(await logitsOf(model), adapted, { relative: 1e-6, absolute: 1e-6 });
        });
        const { byRole, padding } = device.ledger.read();
        assertEquals([byRole, padding], [live.byRole, live.padding]);
      }
    },
  },
  {
    name: "DoRA gives each row of the merged weight its magnitude",
    async run(device, epsilon) {
      using model = tinyModel(device);
      using adapter = trainedLora(model, { dora: true, targetModules: ["c_attn"] });
      using merged = merge(model, adapter);
      const [{ linear: { weight, name } }] = adapter.sites;
      const other = merged.linears.find((linear) => linear.name === name)!;
      const [[own], [changed]] = await Promise.all(
        [weight, other.weight].map((one) => device.read(one.dense())),
      );
      assertAllClose(rowNorms(changed.data), rowNorms(own.data), {
        relative: 50 * epsilon + 1e-7,
        absolute: 0,
      });
      assert(changed.data.some((value, i) => Math.abs(value - own.data[i]) > 1e-3));
    },
  },
];

const rowNorms = (data: ArrayLike<number>, width = 12): number[] =>
  Array.from(
    { length: data.length / width },
    (_, row) => Math.hypot(...Array.from(data).slice(row * width, (row + 1) * width)),
  );

await testOn(allDevices, [...checks, ...variantChecks]);
