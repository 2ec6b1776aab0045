/** Real weights beside transformers and PEFT: logits, a loss, the gradients of an adapter. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "node:path";
import { loadAdapter } from "../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import type { Device } from "../../src/device/device.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { loadModel, saveModel, type TextModel } from "../../src/models/mod.ts";
import { readTexts, textDataset } from "../../src/data/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../support/folders.ts";
import { tensorsOf } from "../support/golden.ts";
import { pythonHas, runPython } from "../support/python.ts";

const data = Deno.env.get("LOWRANK_DATA");
const miniLm = data && join(data, "models/all-MiniLM-L6-v2");

const rows = ["a fine film", "nobody in this story does anything that could not be guessed", "bad"]
  .map((text, i) => ({ text, label: ["bad", "good"][i % 2] }));

/** Rows of a batch, for Python. */
const listsOf = ({ shape: [rows], data }: Batch["targets"]): number[][] =>
  Array.from({ length: rows }, (_, row) => {
    const time = data.length / rows;
    return [...data.subarray(row * time, (row + 1) * time)];
  });

async function checkAdapted(model: TextModel, batch: Batch, found: string): Promise<void> {
  const wanted = await tensorsOf(`${found}/found.safetensors`), { device } = model;
  const close = (what: string) => ({ absolute: 5e-5, relative: 0, what });
  using base = new Tape(device, { record: false });
  const [logits] = await device.read(model.forward(base, batch.inputs));
  assertAllClose(logits.data, wanted.get("base")!.data, close("logits of the base"));
  using _ = await loadAdapter(model, `${found}/adapter`);
  using tape = new Tape(device);
  const outputs = model.forward(tape, batch.inputs);
  const loss = crossEntropy(tape, outputs, batch.targets);
  tape.backward(loss);
  const [adapted, { data: [value] }] = await device.read(outputs, loss);
  assertAllClose(adapted.data, wanted.get("adapted")!.data, close("logits with the adapter"));
  assertAlmostEquals(value, wanted.get("loss")!.data[0], 2e-5);
  await checkGradients(device, tape, model, wanted);
}

async function checkGradients(
  device: Device,
  tape: Tape,
  model: TextModel,
  wanted: Awaited<ReturnType<typeof tensorsOf>>,
) {
  const adapted = model.linears.filter(({ adaptations }) => adaptations.length > 0);
  assertEquals(adapted.length, [...wanted.keys()].filter((name) => /lora_A/.test(name)).length);
  for (const { name, adaptations: [{ parameters: [A, B] }] } of adapted) {
    for (const [factor, parameter] of [["A", A], ["B", B]] as const) {
      const key = `gradient.base_model.model.${name}.lora_${factor}.default.weight`;
      const { data } = wanted.get(key)!, largest = Math.max(...Array.from(data, Math.abs));
      const [gradient] = await device.read(tape.gradientOf(parameter)!);
      assertAllClose(gradient.data, data, { relative: 0, absolute: 1e-4 * largest, what: key });
    }
  }
}

Deno.test({
  name:
    "MiniLM: logits, and the loss and gradients of a LoRA step, are those of transformers and PEFT",
  ignore: !miniLm || !await pythonHas("torch", "transformers", "peft"),
  fn: () =>
    withFolder(async (folder) => {
      using device = await openCpuDevice({ threads: 2 });
      using model = await loadModel(device, miniLm!, { labels: ["bad", "good"] });
      const { name } = model.architecture.linears.at(-1)!;
      const { tensor, size } = model.parameters.get(`${name}.weight`)!;
      device.write(tensor, Float32Array.from({ length: size }, (_, i) => Math.sin(i) / 5));
      await saveModel(model, `${folder}/base`);
      const lines = rows.map((row) => JSON.stringify(row)).join("\n");
      await Deno.writeTextFile(`${folder}/rows.jsonl`, lines);
      const texts = await readTexts(`${folder}/rows.jsonl`),
        tokenizer = await loadTokenizer(miniLm!);
      const { train: [batch] } = textDataset(model, tokenizer, texts, { validation: 0 });
      const { tokens, attentionMask } = batch.inputs;
      await Deno.writeTextFile(
        `${folder}/case.json`,
        JSON.stringify({
          input_ids: listsOf(tokens),
          attention_mask: listsOf(attentionMask!),
          labels: [...batch.targets.data],
        }),
      );
      const paths = [`${folder}/base`, `${folder}/case.json`, folder];
      const { code, text } = await runPython("scripts/golden/check_real.py", paths);
      assertEquals(code, 0, text);
      await checkAdapted(model, batch, folder);
    }),
});
