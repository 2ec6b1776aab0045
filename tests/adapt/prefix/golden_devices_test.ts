/** Virtual tokens against what PEFT computed. */

import { assertEquals } from "@std/assert";
import { type Adapter, loadAnyAdapter } from "../../../src/adapt/mod.ts";
import { readValues } from "../../../src/adapt/named_adapter.ts";
import type { ModelInputs } from "../../../src/core/batch.ts";
import type { HostTensor } from "../../../src/core/tensor.ts";
import type { Device } from "../../../src/device/device.ts";
import { parsePromptConfig } from "../../../src/formats/mod.ts";
import { generate, loadModel, outputsOf, type TextModel } from "../../../src/models/mod.ts";
import { train } from "../../../src/train/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import { type Check, coreDevices, testOn, webgpu } from "../../support/devices.ts";
import { golden, goldenJson, tensorsOf } from "../../support/golden.ts";
import { withFolder } from "../fixtures.ts";

const bases: Readonly<Record<string, string>> = {
  gpt2: "gpt2_tiny",
  llama: "families/llama",
  wide: "families/llama_wide",
  bert: "families/bert_classifier",
  roberta: "families/roberta_classifier",
  deberta: "families/deberta_v2_classifier",
};

const runs = [
  ...[
    "gpt2_prompt",
    "gpt2_prefix",
    "gpt2_projection",
    "llama_prompt",
    "llama_prefix",
    "wide_prefix",
  ],
  ...["bert_prompt", "bert_prefix", "roberta_prompt", "deberta_prompt"],
];

interface Case {
  readonly input_ids: number[][];
  readonly attention_mask?: number[][];
  readonly labels?: number[] | number[][];
}

interface Run {
  readonly cases: Readonly<Record<string, Case>>;
  readonly greedy?: number[];
  readonly loss?: number[];
  readonly noise?: number;
}

const ids = (rows: number[][]): HostTensor => ({
  shape: [rows.length, rows[0].length],
  data: Uint32Array.from(rows.flat()),
});

const inputsOf = ({ input_ids, attention_mask }: Case): ModelInputs => ({
  tokens: ids(input_ids),
  ...(attention_mask && { attentionMask: ids(attention_mask) }),
});

/** The label of the next token at each place; a class for each sequence. */
function targetsOf({ labels = [], input_ids }: Case, isCausal: boolean): HostTensor {
  if (!isCausal) return { shape: [labels.length], data: Int32Array.from(labels.flat()) };
  const data = (labels as number[][]).flatMap((row) => [...row.slice(1), -100]);
  return { shape: [input_ids.length, input_ids[0].length], data: Int32Array.from(data) };
}

const readRun = (name: string): Promise<Run> => goldenJson(`prefixes/${name}.json`);
const wantedOf = (name: string) => tensorsOf(golden(`prefixes/${name}.safetensors`));
const folderOf = (name: string) => golden(`prefixes/${name}`);
const openBase = (device: Device, name: string): Promise<TextModel> =>
  loadModel(device, golden(bases[name.split("_")[0]]));

/** Tolerances of logits for models of this size, the same as for the models themselves. */
const close = (isCausal: boolean) => ({ absolute: isCausal ? 5e-5 : 6e-6, relative: 0 });

async function checkLogits(device: Device, name: string): Promise<void> {
  const { cases, greedy } = await readRun(name), wanted = await wantedOf(name);
  using model = await openBase(device, name);
  using _ = await loadAnyAdapter(model, folderOf(name));
  for (const [key, one] of Object.entries(cases)) {
    const expected = wanted.get(`logits.${key}`)!, mask = one.attention_mask?.flat();
    const found = await outputsOf(model, inputsOf(one)), width = expected.shape.at(-1)!;
    const isSeen = (_: number, i: number) =>
      !model.isCausal || mask === undefined || mask[Math.floor(i / width)] === 1;
    const [ours, theirs] = [found, expected].map(({ data }) => Array.from(data).filter(isSeen));
    assertAllClose(ours, theirs, { ...close(model.isCausal), what: `${name}, ${key}` });
  }
  if (!greedy) return;
  const [prompt] = cases.plain.input_ids;
  const made = await Array.fromAsync(generate(model, prompt, { maxNewTokens: greedy.length }));
  assertEquals(made, greedy);
}

async function checkSteps(device: Device, name: string): Promise<void> {
  const { cases: { padded }, loss, noise } = await readRun(name), wanted = await wantedOf(name);
  using model = await openBase(device, name);
  using adapter = await loadAnyAdapter(model, folderOf(name));
  const batches = [{ inputs: inputsOf(padded), targets: targetsOf(padded, model.isCausal) }];
  const settings = { learningRate: 2e-2, weightDecay: 0.1, steps: loss!.length };
  const losses: number[] = [];
  for await (const event of train(model, batches, settings)) losses.push(event.loss);
  const absolute = Math.max(10 * noise!, 2e-6);
  assertAllClose(losses, loss!, { absolute, relative: 0, what: `losses of ${name}` });
  await checkValues(adapter, wanted);
}

/** Checks trained values under PEFT's names: Adam's steps are about as large as the rate. */
async function checkValues(
  adapter: Adapter,
  wanted: ReadonlyMap<string, HostTensor>,
): Promise<void> {
  await withFolder(async (folder) => {
    await adapter.save(folder);
    const { tensors } = await readValues(folder), prefix = "value.";
    const names = [...wanted.keys()].filter((name) => name.startsWith(prefix));
    assertEquals(new Set(names), new Set([...tensors.keys()].map((name) => prefix + name)));
    for (const name of names) {
      const found = tensors.get(name.slice(prefix.length))!;
      const tolerance = { absolute: 1e-4, relative: 0, what: name };
      assertAllClose(found.data, wanted.get(name)!.data, tolerance);
    }
  });
}

/** Virtual tokens of PEFT's. */
const checks: readonly Check[] = [
  ...runs.map((name): Check => ({
    name: `logits and greedy text of ${name} are PEFT's`,
    run: (device) => checkLogits(device, name),
  })),
  ...runs.filter((name) => name !== "gpt2_projection").map((name): Check => ({
    name: `ten steps of ${name} are PEFT's, losses and values`,
    run: (device) => checkSteps(device, name),
  })),
  {
    name: "a folder of PEFT's is written again with the same tensors and the same settings",
    async run(device) {
      for (const name of ["gpt2_prompt", "wide_prefix", "roberta_prompt"]) {
        using model = await openBase(device, name);
        using adapter = await loadAnyAdapter(model, folderOf(name));
        await withFolder(async (folder) => {
          await adapter.save(folder, { baseModelName: bases[name.split("_")[0]] });
          const [ours, theirs] = [await readValues(folder), await readValues(folderOf(name))];
          assertEquals(ours.tensors, theirs.tensors);
          const [found, wanted] = [ours, theirs].map(({ config }) => parsePromptConfig(config));
          const kept = wanted.savedModules.filter((one) => one !== "score");
          assertEquals(found, { ...wanted, savedModules: kept });
          for (const field of ["task_type", "base_model_name_or_path"]) {
            assertEquals(ours.config[field], theirs.config[field]);
          }
        });
      }
    },
  },
];

// Every operation that virtual tokens change is in these; the other families share them.
const few = checks.filter(({ name }) => /gpt2_prefix|wide|bert_prompt/.test(name));

await testOn(coreDevices, checks);
await testOn([webgpu], few);
