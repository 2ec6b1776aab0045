/** Texts and methods that cannot be used: train, evaluate and sweep say the same in one sentence, and write nothing. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { golden } from "../support/golden.ts";
import { writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const base = "models/tiny-gpt2", encoder = "models/tiny-roberta", kinds = "examples/kinds.jsonl";

const good = '{"prompt": "boat:", "completion": "a galleon"}\n';

/** What is wrong with a file, its name and its text, and what is said of it, where FILE is its path. */
const broken: Readonly<Record<string, readonly [name: string, text: string, sentence: string]>> = {
  "no text": ["a.jsonl", "", "FILE must hold 1 to 4,194,304 texts, found 0\n"],
  "blank lines alone": ["a.txt", "\n \n", "FILE must hold 1 to 4,194,304 texts, found 0\n"],
  "a heading alone": ["a.csv", "text,label\n", "FILE must hold 1 to 4,194,304 texts, found 0\n"],
  "half a line": ["a.jsonl", `${good}{"prompt": "song:"\n`, "line 2 of FILE must be JSON: "],
  "a line of another kind": [
    "a.jsonl",
    `${good}["song:", "a shanty"]\n`,
    'line 2 of FILE must be a JSON object, found ["song:","a shanty"]\n',
  ],
  "a line without its completion": [
    "a.jsonl",
    `${good}\n{"prompt": "song:"}\n`,
    "completion in line 3 of FILE must be a text, found nothing\n",
  ],
  "a row of another length": [
    "a.csv",
    "prompt,completion\na,b\nc\n",
    "cannot read FILE: it is not CSV (Invalid Record Length: columns length is 2, got 1 on line 3)",
  ],
  "other fields": [
    "a.jsonl",
    '{"question": "q", "answer": "a"}\n',
    "FILE must have the fields prompt and completion, text and label, or text; found question, answer\n",
  ],
};

/** A sweep of one training. */
async function sweepOf(folder: string, fields: object): Promise<string[]> {
  const file = await writeJson(`${folder}/sweep.json`, { steps: 1, ...fields });
  return ["sweep", file, "--output", `${folder}/out`];
}

for (const [what, [name, text, said]] of Object.entries(broken)) {
  Deno.test(`a file with ${what} is refused by train, evaluate and sweep`, () =>
    withFolder(async (folder) => {
      const data = `${folder}/${name}`, paths = ["--model", base, "--data", data];
      const sentence = said.replace("FILE", data);
      await Deno.writeTextFile(data, text);
      await assertFails(["train", ...paths, "--output", `${folder}/out`], sentence);
      await assertFails(["evaluate", ...paths], sentence);
      await assertFails(await sweepOf(folder, { model: base, data }), sentence);
      const asked = ["train", "--model", base, "--data", "examples/pairs.jsonl"];
      await assertFails([...asked, "--validation", data, "--output", `${folder}/out`], sentence);
      assertEquals(filesIn(folder), [name, "sweep.json"]);
    }));
}

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

for (const [model, options, sentence] of unfit) {
  Deno.test(`${JSON.stringify(options)} does not fit ${model}, as count, memory and train say`, () =>
    withFolder(async (folder) => {
      const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
      const command = (name: string) => [name, "--model", golden(model), ...given];
      await assertFails(command("count"), sentence);
      await assertFails(command("memory"), sentence);
      const ids = [[1, 2, 3]], isEncoder = model.includes("deberta");
      const batch = isEncoder ? { input_ids: ids, labels: ids } : ids;
      const batches = await writeJson(`${folder}/b.json`, { batches: [batch] });
      const training = ["--steps", "1", "--learning-rate", "1e-3", "--output", `${folder}/out`];
      await assertFails([...command("train"), "--batches", batches, ...training], sentence);
      assertEquals(filesIn(folder), ["b.json"]);
    }));
}
