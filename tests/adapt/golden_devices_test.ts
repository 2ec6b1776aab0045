/** LoRA, DoRA, biases of B and biases of the base against what PEFT computed. */

import { assert, assertEquals } from "@std/assert";
import { injectLora, loadAdapter, type LoraAdapter, merge, unmerge } from "../../src/adapt/mod.ts";
import type { Parameter } from "../../src/autograd/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { indicesOf } from "../../src/core/update.ts";
import { gather } from "../../src/formats/peft/comparable.ts";
import { parseHeader, readSafetensors } from "../../src/formats/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import {
  assertGoldenGradients,
  assertGoldenLogits,
  golden,
  goldenCase,
  goldenTensors,
  labeledCase,
  largestOf,
  logitsOf,
  logitsTolerance,
  openBase,
  withFolder,
} from "./fixtures.ts";

/** Names and bytes of an adapter's tensors: all of its file but the metadata. */
async function tensorBytes(folder: string): Promise<[string[], Uint8Array]> {
  const bytes = await Deno.readFile(`${folder}/adapter_model.safetensors`);
  const { tensors, dataOffset } = parseHeader(bytes, bytes.length);
  return [[...tensors.keys()], bytes.subarray(dataOffset)];
}

/** Adapters with logits of their own; two names: both at once. */
const adapters = [
  "peft_c_attn",
  "peft_all_linear",
  "peft_rslora",
  "peft_suffix",
  "block_qv",
  "peft_c_attn+peft_suffix",
];

/** ΔW agrees to 1e-6 of its largest value. */
function assertSameMatrix(actual: HostTensor, expected: HostTensor): void {
  assertEquals(actual.shape, expected.shape);
  const largest = largestOf(expected);
  assert(largest > 0);
  assertAllClose(actual.data, expected.data, { relative: 0, absolute: 1e-6 * largest });
}

/** Properties of the golden adapters. */
const checks: readonly Check[] = [
  ...adapters.map((name): Check => ({
    name: `logits with ${name}, unmerged and merged, are PEFT's`,
    async run(device) {
      using model = await openBase(device);
      const loaded: LoraAdapter[] = [];
      for (const part of name.split("+")) {
        loaded.push(await loadAdapter(model, golden(`adapters/${part}`), { onTop: true }));
      }
      await assertGoldenLogits(model, name);
      using merged = merge(model, loaded);
      for (const adapter of loaded) adapter[Symbol.dispose]();
      await assertGoldenLogits(merged, name);
    },
  })),
  {
    name: "ranks, α and scalings are those that PEFT resolved, and ΔW is PEFT's",
    async run(device) {
      using model = await openBase(device);
      const modules = await readJson(golden("adapters/modules.json"));
      const deltas = await goldenTensors("adapters/deltas");
      for (
        const name of adapters.filter((name) => name.startsWith("peft") && !name.includes("+"))
      ) {
        using adapter = await loadAdapter(model, golden(`adapters/${name}`));
        const found = adapter.sites.map(({ module, rank, alpha, scaling }) =>
          [module, { rank, alpha, scaling }] as const
        );
        const expected = (modules as Record<string, Record<string, unknown>>)[name];
        assertEquals(Object.fromEntries(found), expected as Record<string, never>);
        for (const { name: site } of adapter.sites) {
          assertSameMatrix(await adapter.deltaWeight(site), deltas.get(`delta.${name}.${site}`)!);
        }
      }
    },
  },
  {
    name: "an adapter of q and v in blocks becomes two sites, and is written back to the bit",
    async run(device) {
      using model = await openBase(device);
      using adapter = await loadAdapter(model, golden("adapters/block_qv"));
      const paths = [0, 1].map((layer) => `transformer.h.${layer}.attn.c_attn`);
      const names = paths.flatMap((path) => [`${path}:q`, `${path}:v`]);
      assertEquals(adapter.sites.map(({ name }) => name), names);
      assertEquals(adapter.sites.map(({ rank, scaling }) => [rank, scaling]), [
        ...[[2, 3], [2, 3], [2, 3], [2, 3]],
      ]);
      const deltas = await goldenTensors("adapters/deltas");
      for (const { name, module, rows } of adapter.sites) {
        const part = gather(deltas.get(`delta.block_qv.${module}`)!, indicesOf(rows));
        assertSameMatrix(await adapter.deltaWeight(name), part);
      }
      await withFolder(async (folder) => {
        await adapter.save(folder, { baseModelName: "gpt2_tiny" });
        assertEquals(await tensorBytes(folder), await tensorBytes(golden("adapters/block_qv")));
      });
    },
  },
  {
    name: "gradients of PEFT's adapter on all linears are PEFT's",
    async run(device, epsilon) {
      for (const which of ["labelled", "padded"]) {
        using model = await openBase(device);
        using _ = await loadAdapter(model, golden("adapters/peft_all_linear"));
        const expected = await goldenTensors(`gradients/peft_all_linear.${which}`);
        const wanted = (parameter: Parameter) => expected.get(`grad.${parameter.name}`)!;
        assertEquals(model.trainable().length, expected.size);
        await assertGoldenGradients(
          model,
          await goldenCase("gradients/input", which),
          wanted,
          epsilon,
        );
      }
    },
  },
  ...["q", "k", "v", "qkv"].map((set): Check => ({
    name: `logits and gradients of the sites ${[...set].join(", ")} are PyTorch's`,
    async run(device, epsilon) {
      using model = await openBase(device);
      using adapter = injectLora(model, { rank: 3, alpha: 6, sites: [...set], seed: 1 });
      const tensors = await goldenTensors("gradients/sites");
      const keys = new Map<Parameter, string>();
      for (const { name, A, B } of adapter.sites) {
        const [module, site] = name.split(":");
        device.write(A.tensor, tensors.get(`A.${site}.${module}`)!.data);
        device.write(B.tensor, tensors.get(`B.${site}.${module}`)!.data);
        const group = set === site ? site : `${set}.${site}`;
        keys.set(A, `grad.A.${group}.${module}`).set(B, `grad.B.${group}.${module}`);
      }
      const input = await labeledCase();
      const logits = await logitsOf(model, input.inputs);
      assertAllClose(logits, tensors.get(`logits.${set}`)!.data, logitsTolerance);
      await assertGoldenGradients(
        model,
        input,
        (parameter) => tensors.get(keys.get(parameter)!)!,
        epsilon,
      );
    },
  })),
];

/** Variants whose gradients PEFT has left too. */
const trained = ["peft_dora", "peft_lora_bias", "peft_bias_all", "peft_bias_only"];

const variants = [...trained, "peft_tokens", "peft_tables"];

/** A file's key for the gradient of a trained tensor of the model, found by our name of it. */
function keyIn(expected: ReadonlyMap<string, unknown>, { name }: Parameter): string {
  const wrapped = name.replace(/\.bias$/, ".base_layer.bias");
  const keys = [name, `base_model.model.${name}`, `base_model.model.${wrapped}`];
  return keys.map((key) => `grad.${key}`).find((key) => expected.has(key))!;
}

/** Tensors of an adapter's file by their names, in no order. */
async function values(folder: string) {
  const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
  return Object.fromEntries([...tensors].sort(([a], [b]) => a < b ? -1 : 1));
}

const variantChecks: readonly Check[] = [
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
  ...trained.map((name): Check => ({
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
        const [written, read] = await Promise.all([folder, golden(`adapters/${name}`)].map(values));
        // The head of a tied model is the embedding, and written once.
        const { "base_model.model.lm_head.weight": tied, ...rest } = read;
        if (tied) assertEquals(tied, read["base_model.model.transformer.wte.weight"]);
        assertEquals(written, rest);
      });
    },
  })),
];

await testOn(allDevices, [...checks, ...variantChecks]);
