/**
 * DoRA, biases of B and biases of the base against what PEFT computed; `variants_test.ts` and
 * `adapter_parts_test.ts` run it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { injectLora, loadAdapter, merge, unmerge } from "../../src/adapt/mod.ts";
import type { Parameter } from "../../src/autograd/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import type { Check } from "../support/devices.ts";
import {
  golden,
  goldenCase,
  goldenTensors,
  logitsOf,
  tinyModel,
  trainedLora,
  withFolder,
} from "./fixtures.ts";
import {
  assertGoldenGradients,
  assertGoldenLogits,
  labeledCase,
  openBase,
  tensorBytes,
} from "./golden_checks.ts";

const variants = ["peft_dora", "peft_lora_bias", "peft_bias_all", "peft_bias_only"];

/** What a file calls a trained tensor of the model itself, which our gradients know by its own name. */
function keyIn(expected: ReadonlyMap<string, unknown>, { name }: Parameter): string {
  const wrapped = name.replace(/\.bias$/, ".base_layer.bias");
  const keys = [name, `base_model.model.${name}`, `base_model.model.${wrapped}`];
  return keys.map((key) => `grad.${key}`).find((key) => expected.has(key))!;
}

const options = [
  { dora: true, targetModules: "all-linear" },
  { loraBias: true, targetModules: "all-linear" },
  { bias: "all", targetModules: ["c_attn"] },
  { bias: "lora_only", targetModules: ["c_attn"] },
] as const;

/** Properties of the variants. */
export const variantChecks: readonly Check[] = [
  ...variants.map((name): Check => ({
    name: `logits with ${name}, unmerged, merged and unmerged again, are PEFT's`,
    async run(device) {
      using model = await openBase(device);
      const base = await logitsOf(model, (await goldenCase("logits", "plain")).inputs);
      const adapter = await loadAdapter(model, golden(`adapters/${name}`));
      await assertGoldenLogits(model, name);
      const merged = merge(model, adapter);
      adapter[Symbol.dispose]();
      await assertGoldenLogits(merged, name);
      unmerge(merged);
      assertEquals(await logitsOf(model, (await goldenCase("logits", "plain")).inputs), base);
    },
  })),
  ...variants.map((name): Check => ({
    name: `gradients of ${name} are PEFT's`,
    async run(device, epsilon) {
      using model = await openBase(device);
      using _ = await loadAdapter(model, golden(`adapters/${name}`));
      const expected = await goldenTensors(`gradients/${name}`);
      const wanted = (parameter: Parameter) => expected.get(keyIn(expected, parameter))!;
      assertEquals(model.trainable().length, expected.size);
      await assertGoldenGradients(model, await labeledCase(), wanted, epsilon);
    },
  })),
  ...variants.map((name): Check => ({
    name: `${name} is written back to the bit`,
    async run(device) {
      using model = await openBase(device);
      using adapter = await loadAdapter(model, golden(`adapters/${name}`));
      await withFolder(async (folder) => {
        await adapter.save(folder);
        const [found, wanted] = await Promise.all(
          [folder, golden(`adapters/${name}`)].map(tensorBytes),
        );
        assertEquals(found[0].toSorted(), wanted[0].toSorted());
        const [written, read] = await Promise.all([folder, golden(`adapters/${name}`)].map(values));
        assertEquals(written, read);
      });
    },
  })),
  {
    name: "a new adapter of each variant changes no logit, trains, and comes back from its file",
    async run(device, epsilon) {
      for (const option of options) {
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

/** Tensors of an adapter's file by their names, in no order. */
async function values(folder: string) {
  const { readSafetensors } = await import("../../src/formats/mod.ts");
  const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  return Object.fromEntries([...tensors].sort(([a], [b]) => a < b ? -1 : 1));
}

const rowNorms = (data: ArrayLike<number>, width = 12): number[] =>
  Array.from(
    { length: data.length / width },
    (_, row) => Math.hypot(...Array.from(data).slice(row * width, (row + 1) * width)),
  );
