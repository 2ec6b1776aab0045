/**
 * Adapters against what PEFT computed; `golden_test.ts` and `adapter_parts_test.ts` run it.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { injectLora, loadAdapter, type LoraAdapter, merge } from "../../src/adapt/mod.ts";
import { crossEntropy, type Parameter, Tape } from "../../src/autograd/mod.ts";
import { readJson } from "../../src/core/files.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { indicesOf } from "../../src/core/row_range.ts";
import { gather } from "../../src/formats/join_updates.ts";
import { parseHeader } from "../../src/formats/mod.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import type { Check } from "../support/devices.ts";
import {
  golden,
  type GoldenCase,
  goldenCase,
  goldenTensors,
  logitsOf,
  valuesOf,
  withFolder,
} from "./fixtures.ts";

/** The case with labels of which every gradient is known. */
export const labeledCase = () => goldenCase("gradients/input", "labelled");

/** Names and bytes of an adapter's tensors: all of its file but the metadata. */
async function tensorBytes(folder: string): Promise<[string[], Uint8Array]> {
  const bytes = await Deno.readFile(`${folder}/adapter_model.safetensors`);
  const { tensors, dataOffset } = parseHeader(bytes, bytes.length);
  return [[...tensors.keys()], bytes.subarray(dataOffset)];
}

/** The tolerance that tells right from wrong on this model (manifest.json). */
const logitsTolerance = { absolute: 5e-5, relative: 0 };

/** Adapters with logits of their own; two names: both at once. */
const adapters = [
  "peft_c_attn",
  "peft_all_linear",
  "peft_rslora",
  "peft_suffix",
  "block_qv",
  "peft_c_attn+peft_suffix",
];

/** The base of the golden adapters. */
export const openBase = (device: Device) => loadModel(device, golden("gpt2_tiny"));

/** Compares logits with those of a golden adapter. */
export async function assertGoldenLogits(model: TextModel, name: string): Promise<void> {
  const expected = await goldenTensors(`adapters/logits/${name}`);
  for (const which of ["plain", "left_padding"]) {
    const { inputs } = await goldenCase("logits", which), mask = inputs.attentionMask;
    const found = await logitsOf(model, inputs);
    const { shape: [, , vocabulary], data } = expected.get(`logits.${which}`)!;
    const counts = (_: number, i: number) => !mask || mask.data[Math.floor(i / vocabulary)] === 1;
    const [actual, wanted] = [found, data].map((values) => Array.from(values).filter(counts));
    assertAllClose(actual, wanted, { ...logitsTolerance, what: `${name}, ${which}` });
  }
}

/** Properties of the golden adapters. */
export const goldenChecks: readonly Check[] = [
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

const largestOf = ({ data }: HostTensor): number => Math.max(...Array.from(data, Math.abs));

/** ΔW agrees to 1e-6 of its largest value. */
function assertSameMatrix(actual: HostTensor, expected: HostTensor): void {
  assertEquals(actual.shape, expected.shape);
  const largest = largestOf(expected);
  assert(largest > 0);
  assertAllClose(actual.data, expected.data, { relative: 0, absolute: 1e-6 * largest });
}

/** Compares the gradients of all that a model trains. */
export async function assertGoldenGradients(
  model: TextModel,
  { inputs, labels }: GoldenCase,
  expected: (parameter: Parameter) => HostTensor,
  epsilon: number,
): Promise<void> {
  using tape = new Tape(model.device);
  const logits = model.forward(tape, inputs);
  tape.backward(crossEntropy(tape, logits, labels));
  for (const parameter of model.trainable()) {
    const wanted = expected(parameter), largest = largestOf(wanted);
    // PyTorch's own rounding of F32 and, on F32 devices, ours.
    const absolute = largest * (epsilon > 1e-10 ? 2e-5 : 1e-5);
    const gradient = await valuesOf(tape.gradientOf(parameter)!);
    assertAllClose(gradient, wanted.data, { relative: 0, absolute, what: parameter.name });
  }
}
