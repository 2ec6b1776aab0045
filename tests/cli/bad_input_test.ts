/** Texts, tokens, methods and settings that cannot be used: one sentence, the same in every command, and no files. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { logitsArgs, trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson, model } from "./lowrank.ts";

const base = "models/tiny-gpt2", encoder = "models/tiny-roberta", kinds = "examples/kinds.jsonl";

/** A sweep of one training. */
async function sweepOf(folder: string, fields: object): Promise<string[]> {
  const file = await writeJson(`${folder}/sweep.json`, { steps: 1, ...fields });
  return ["sweep", file, "--output", `${folder}/out`];
}

Deno.test("a text that cannot be read is named with its line by train, evaluate and sweep", () =>
  withFolder(async (folder) => {
    const data = `${folder}/a.jsonl`, paths = ["--model", base, "--data", data];
    const sentence = `completion in line 3 of ${data} must be a text, found nothing\n`;
    const rows = ['{"prompt": "boat:", "completion": "a galleon"}', "", '{"prompt": "song:"}'];
    await Deno.writeTextFile(data, `${rows.join("\n")}\n`);
    await assertFails(["train", ...paths, "--output", `${folder}/out`], sentence);
    await assertFails(["evaluate", ...paths], sentence);
    await assertFails(await sweepOf(folder, { model: base, data }), sentence);
    const asked = ["train", "--model", base, "--data", "examples/pairs.jsonl"];
    await assertFails([...asked, "--validation", data, "--output", `${folder}/out`], sentence);
    assertEquals(filesIn(folder), ["a.jsonl", "sweep.json"]);
  }));

Deno.test("a label that no training text has is named with its line", () =>
  withFolder(async (folder) => {
    const data = `${folder}/more.jsonl`, out = ["--output", `${folder}/out`];
    const rows = ['{"text": "an oak", "label": "plant"}', '{"text": "a quartz", "label": "stone"}'];
    await Deno.writeTextFile(data, rows.join("\n"));
    const sentence = `label in line 2 of ${data} must be one of animal, food, plant, found stone\n`;
    const train = ["train", "--model", encoder, "--data", kinds];
    await assertFails([...train, "--validation", data, ...out], sentence);
    const grid = { model: encoder, data: kinds, validation: data };
    await assertFails(await sweepOf(folder, grid), sentence);
    await lowrankJson(...train, "--steps", "1", "--validation", "0", ...out);
    const adapted = ["--model", encoder, "--adapter", `${folder}/out`, "--data", data];
    await assertFails(["evaluate", ...adapted], sentence);
    await assertFails(["train", ...adapted, "--output", `${folder}/further`], sentence);
  }));

Deno.test("a label that only held-out texts have is noted before training", () =>
  withFolder(async (folder) => {
    const data = `${folder}/a.jsonl`;
    const rows = ["animal", "plant", "stone"].map((label, i) => ({ text: `text ${i}`, label }));
    await Deno.writeTextFile(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const train = ["train", "--model", encoder, "--data", data, "--validation", "0.34"];
    const { stderr } = await lowrank(...train, "--steps", "1", "--output", `${folder}/out`);
    assertStringIncludes(stderr, '\nlabels of held-out texts alone, which cannot be learned: "');
  }));

Deno.test("an adapter of a method that is not here is refused with the methods that are", () =>
  withFolder(async (folder) => {
    const config = { peft_type: "LOHA", r: 8, alpha: 8, target_modules: ["c_attn"] };
    await Deno.writeTextFile(`${folder}/adapter_config.json`, JSON.stringify(config));
    const sentence =
      "method or peft_type must be one of LORA, bitfit, top-layers, VERA, IA3, TINYLORA, " +
      "subspace, bottleneck, PROMPT_TUNING, prefix-layer, PREFIX_TUNING, lora+prefix-embedding, " +
      'lora+prefix-layer, found "LOHA"\n';
    const adapted = ["--model", base, "--adapter", folder];
    await assertFails(["generate", ...adapted, "--prompt", "A boat"], sentence);
    await assertFails(["merge", ...adapted, "--output", `${folder}/out`], sentence);
  }));

Deno.test("a number that is too large is refused with its bound", async () => {
  const train = ["train", "--model", base, "--data", kinds, "--output", "out"];
  const bounds = {
    "--seed": ["4294967296", "a whole number below 2^32.\n"],
    "--steps": ["9007199254740993", "a whole number below 2^53.\n"],
    "--learning-rate": ["1e400", "a number from -1.7977e308 to 1.7977e308.\n"],
  };
  for (const [option, [value, rule]] of Object.entries(bounds)) {
    await assertFails([...train, option, value], `It must be ${rule}`);
  }
  await assertFails(
    [...train, "--seed", "9007199254740993"],
    "It must be a whole number below 2^32.\n",
  );
  await assertFails([...train, "--learning-rate", "Infinity"], "It must be a number.\n");
});

/** Methods with a model that they do not fit, their options, and what is said. */
const unfit:
  readonly (readonly [model: string, options: Record<string, string | number>, string])[] = [
    ["families/llama", { method: "bitfit" }, "BitFit needs a model with biases, found none\n"],
    [
      "families/deberta_masked",
      { method: "prefix-tuning", "prefix-length": 2 },
      "prefix-tuning needs attention that takes a token's key and value alone, found ",
    ],
    [
      "gpt2_tiny",
      { method: "top-layers", layers: 3 },
      "layers must be a whole number from 1 to the model's 2 blocks, found 3\n",
    ],
    [
      "gpt2_tiny",
      { method: "vera", sites: "q" },
      "VeRA needs whole linear layers, by targetModules, found ",
    ],
    [
      "gpt2_tiny",
      { method: "bottleneck", "leave-out": "2" },
      "leaveOut must list layers of the model's 2, from 0, found [2]\n",
    ],
    [
      "gpt2_tiny",
      { method: "prefix-layer", "prefix-length": 32 },
      "prefix-layer needs a length of 1 to 31 virtual tokens, as a sequence of the model has at most 32",
    ],
  ];

Deno.test("a method that does not fit a model is refused, as count, memory and train say", () =>
  withFolder(async (folder) => {
    const batches = await writeJson(`${folder}/b.json`, { batches: [[[1, 2, 3]]] });
    const steps = ["--steps", "1", "--learning-rate", "1e-3", "--output", `${folder}/out`];
    for (const [i, [model, options, sentence]] of unfit.entries()) {
      const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
      const command = (name: string) => [name, "--model", golden(model), ...given];
      await assertFails(command("count"), sentence);
      await assertFails(command("memory"), sentence);
      if (i === 0) {
        await assertFails([...command("train"), "--batches", batches, ...steps], sentence);
      }
    }
    assertEquals(filesIn(folder), ["b.json"]);
  }));

Deno.test("a token outside of the vocabulary is named with its position", () =>
  withFolder(async (folder) => {
    const fails = async (ids: unknown, sentence: string) =>
      assertFails(await logitsArgs(folder, ids), sentence);
    const place = "case one: token id 61 at row 0, position 1 must be below the vocabulary of 61";
    await fails([[3, 61]], place);
    await fails([[3, -1]], "whole numbers, 0 or more, found -1");
    await fails([[3, 1.5]], "whole numbers, 0 or more, found 1.5");
    const most = "case one: a row may have at most 32 tokens, the model's context length, found 33";
    await fails([new Array(33).fill(1)], most);
    assertEquals(filesIn(folder), ["in.json"]);
  }));

Deno.test("a classifier writes nothing, and learns from labels of rows alone", () =>
  withFolder(async (folder) => {
    const classifier = ["--model", golden("classifier")];
    const prompt = ["generate", ...classifier, "--prompt", "we"];
    await assertFails(prompt, "generating needs a language model, found a classifier of 3 labels");
    const unlabeled = [...await trainArgs(folder, folder), ...classifier];
    await assertFails(unlabeled, "batch 0 must have labels as well as input_ids");
    const input = ["--input", golden("gradients/input.json"), "--case", "labelled"];
    const gradients = ["gradients", ...classifier, ...input, "--output", `${folder}/g`];
    await assertFails(
      gradients,
      "labels must be one for each of the 3 rows, found one for each token",
    );
  }));

const peft = { name: "lora", target_modules: ["c_attn"] };

/** Fields of a training's file, and what is said of them. */
const settings: readonly (readonly [config: object, ...sentence: string[]])[] = [
  [{ steps: 2.5 }, "steps must be a whole number, 0 or more, found 2.5"],
  [{ steps: null }, "train needs --steps, or a configuration with it"],
  [{ learningRate: "1e-3" }, 'learningRate must be a number, found "1e-3"'],
  [
    { learning_rate: 1 },
    "may have steps, learningRate",
    "found learning_rate (did you mean learningRate?)",
  ],
  [{ lr: 1e-3 }, "found lr (did you mean learningRate?)"],
  [{ schedule: "cosin" }, 'linear or cosine or constant, found "cosin"'],
  [{ method: "adapter" }, "name must be one of full, lora, bitfit, "],
  [
    { method: { name: "lora", r: 4 } },
    "method may have name, rank, alpha, sites",
    "found r (did you mean rank?)",
  ],
  [{ method: peft }, "found target_modules (did you mean targetModules?)"],
  [{ method: { lora_alpha: 4 } }, "found lora_alpha (did you mean alpha?)"],
  [
    { method: { name: "lora", sites: "o,down" } },
    'method: sites must be a list such as ["o", "down"] or "all", found "o,down"',
  ],
  [{ method: { name: "lora", targetModules: 3 } }, 'or "all-linear", found 3'],
  [{ clipNorm: -1 }, "clipNorm to be above 0, found -1"],
  [{ clipNorm: 1e-300 }, "AdamW needs clipNorm to be finite and not vanish in F32, found 1e-300"],
  [{ epsilon: 1e-99 }, "AdamW needs epsilon to be finite and not vanish in F32, found 1e-99"],
  [{ learningRate: 1e99 }, "AdamW needs learningRate to be finite and not vanish in F32"],
  [{ optimizer: "adamw8bit" }, 'optimizer must be adamw, found "adamw8bit"'],
  [{ optimizer: 8 }, "optimizer must be adamw, found 8"],
];

Deno.test("an error in a training file names the field and its rule", () =>
  withFolder(async (folder) => {
    for (const [config, ...sentence] of settings) {
      await assertFails(await trainArgs(folder, `${folder}/out`, { ...config }), ...sentence);
    }
    assertEquals(filesIn(folder), ["c.json"]);
  }));

Deno.test("a loss that is not finite ends training, and the error names the step", () =>
  withFolder(async (folder) => {
    const args = await trainArgs(folder, `${folder}/out`, { steps: 9, learningRate: 1e30 });
    const said = ["training needs a finite", "at step 2 of 9; wrote the log of 1 step"];
    await assertFails(args, ...said, "; try a lower --learning-rate");
  }));

Deno.test("gradients of a case without labels names the cases that have some", () =>
  withFolder(async (folder) => {
    const output = ["--output", `${folder}/g.safetensors`], input = golden("gradients/input.json");
    const args = ["gradients", "--model", model, ...output, "--case", "nope", "--input"];
    await assertFails([...args, input], `${input} has no case nope; it has labelled, padded`);
    const cases = { one: { input_ids: [[1, 2]] }, two: { input_ids: [[1]], labels: [[1]] } };
    const bare = await writeJson(`${folder}/bare.json`, { cases });
    const sentence = `gradients need labels: case one in ${bare} has none`;
    await assertFails([...args, bare, "--case", "one"], `${sentence} (these do: two)`);
    const logits = golden("logits.json");
    await assertFails([...args, logits, "--case", "plain"], "has none (no case does)");
  }));
