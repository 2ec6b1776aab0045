/** `lowrank generate`, and `lowrank evaluate` of generated texts: of anybody's model, and of ours. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { promptedBatches } from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { scoreTexts, textMetrics } from "../../experiments/text_metrics/mod.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { loadTokenizer, saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { golden } from "../experiments/text_metrics/golden.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden as goldenPath } from "../support/golden.ts";
import { writeBabbler } from "./babbler.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const prompt = ["--prompt", "the cat"];

Deno.test("generate is repeatable, and an adapter changes the result", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const args = ["generate", "--model", folder, ...prompt, "--max-new-tokens", "6"];
    const greedy = await lowrankJson(...args);
    assertEquals(greedy.prompt, "the cat");
    assertEquals(greedy.tokens.length, 6);
    assertEquals(await lowrankJson(...args, "--beams", "1"), greedy);
    const adapted = await lowrankJson(...args, "--adapter", `${folder}/adapter`);
    assert(adapted.text !== greedy.text);
    const sampled = [...args, "--temperature", "1", "--top-k", "40", "--seed", "3"];
    assertEquals(await lowrankJson(...sampled), await lowrankJson(...sampled));
    const { stdout, stderr } = await lowrank(...args);
    assertEquals(stdout, `the cat${greedy.text}\n`);
    assertStringIncludes(
      stderr,
      "\nended by the limit of new tokens (--max-new-tokens): 1 answer\n",
    );
    const told = await lowrank(...sampled);
    assertStringIncludes(told.stderr, "\nanother --seed draws another text\n");
  }));

Deno.test("generate refuses options that it cannot honor", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const args = ["generate", "--model", folder];
    await assertFails(args, "generate needs --prompt TEXT or --data FILE, found neither");
    await assertFails([...args, ...prompt, "--data", "x.txt"], "found both");
    await assertFails([...args, "--prompt", ""], "a prompt of at least one token");
    await assertFails(
      [...args, ...prompt, "--max-new-tokens", "31"],
      "--max-new-tokens must be at most 29, as the prompt has 3 of the model's 32 tokens, found 31",
    );
    await assertFails([...args, ...prompt, "--max-new-tokens", "0"], "of at least 1");
    await assertFails([...args, ...prompt, "--temperature", "-1"], "0 or more");
    await assertFails([...args, ...prompt, "--beams", "2", "--temperature", "1"], "--temperature");
    await assertFails(
      [...args, ...prompt, "--beams", "2", "--top-k", "5"],
      "--beams does not sample",
    );
    await assertFails(
      [...args, ...prompt, "--top-k", "5"],
      "--top-k needs a --temperature above 0",
    );
    await Deno.remove(`${folder}/tokenizer.json`);
    await assertFails([...args, ...prompt], "tokenizer.json: it does not exist");
  }));

Deno.test("a billion of what is counted is refused, or is no more than what there is", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const model = ["--model", folder], billion = "1000000000", data = `${folder}/asks.jsonl`;
    await Deno.writeTextFile(data, '{"prompt": "the cat", "completion": " sat"}');
    const generate = ["generate", ...model, ...prompt];
    const evaluate = ["evaluate", ...model, "--data", data], answers = ["--metrics", "bleu"];
    for (const args of [generate, [...evaluate, ...answers]]) {
      const rules = {
        "--beams": "beams to be an integer from 1 to ",
        "--max-new-tokens": "at most",
      };
      for (const [option, rule] of Object.entries(rules)) {
        await assertFails([...args, option, billion], rule, `, found ${billion}`);
      }
    }
    const few = ["--max-new-tokens", "2"], drawn = [...generate, ...few, "--temperature", "1"];
    assertEquals(await lowrankJson(...drawn, "--top-k", billion), await lowrankJson(...drawn));
    for (const args of [evaluate, [...evaluate, ...answers, ...few]]) {
      assertEquals(await lowrankJson(...args, "--batch-size", billion), await lowrankJson(...args));
    }
  }));

Deno.test("generate answers each prompt of a file, as it answers the prompt alone", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const args = ["generate", "--model", folder, "--adapter", `${folder}/adapter`];
    const prompts = ["the cat", "the dog sat"], file = `${folder}/asks.jsonl`;
    await Deno.writeTextFile(file, prompts.map((prompt) => JSON.stringify({ prompt })).join("\n"));
    const { stdout } = await lowrank(...args, "--data", file, "--json");
    const answers = stdout.trim().split("\n").map((line) => JSON.parse(line));
    const alone: unknown[] = [];
    for (const prompt of prompts) alone.push(await lowrankJson(...args, "--prompt", prompt));
    assertEquals(answers, alone);
  }));

Deno.test("without --max-new-tokens an answer is as long as the model has room for", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const words = (count: number) => ["--prompt", Array(count).fill("the").join(" ")];
    const args = ["generate", "--model", folder];
    const { tokens } = await lowrankJson(...args, ...words(30));
    assert(tokens.length > 0 && tokens.length <= 2, `found ${tokens.length} new tokens`);
    const rule = "a prompt must be shorter than the model's 32 tokens, found 40: shorten it";
    await assertFails([...args, ...words(40)], rule);
  }));

Deno.test("a --model that is no model's folder is told from an adapter and from a name on the hub", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const adapter = `${folder}/adapter`, ask = ["--prompt", "a"], data = ["--data", "x.txt"];
    const found = `needs the base model, found an adapter in ${adapter}: give --model `;
    await assertFails(
      ["generate", "--model", adapter, ...ask],
      `${found}BASE --adapter ${adapter}`,
    );
    for (const [command, ...rest] of [["generate", ...ask], ["evaluate", ...data]]) {
      const hint =
        "found none at gpt2: for the one on the Hugging Face hub, give --model hf:openai-";
      await assertFails([command, "--model", "gpt2", ...rest], hint);
      const own = "give --model hf:me/mine";
      await assertFails([command, "--model", "me/mine", ...rest], own);
    }
    const train = ["train", ...data, "--output", `${folder}/out`];
    await assertFails([...train, "--model", adapter], found);
    await assertFails([...train, "--model", "no such folder"], "found none at no such folder\n");
  }));

/** A folder as GPT-2's: `tokenizer_config.json` names no token. */
async function writeFolder(folder: string, eos_token_id: number): Promise<void> {
  await saveTokenizer(folder, trainBytePairs(["the cat sat"], { vocabularySize: 262 }));
  await Deno.writeTextFile(`${folder}/tokenizer_config.json`, '{"model_max_length":1024}');
  using device = await openCpuDevice({ threads: 1 });
  const sizes = { vocab_size: 262, n_positions: 16, n_embd: 16, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
  await saveModel(model, folder, "F32", { config: { eos_token_id } });
}

Deno.test("where config.json alone names the end of text, generate stops there and batches end with it", () =>
  withFolder(async (folder) => {
    const args = ["generate", "--model", folder, "--prompt", "the cat", "--max-new-tokens", "6"];
    await writeFolder(folder, 261);
    const { tokens: free } = await lowrankJson(...args);
    assertEquals(free.length, 6);
    const end = free[2];
    await writeFolder(folder, end);
    for (const beams of [[], ["--beams", "1"]]) {
      const { tokens } = await lowrankJson(...args, ...beams);
      assertEquals(tokens, free.slice(0, free.indexOf(end) + 1));
    }
    const pair = [{ prompt: "the", completion: " cat" }];
    const options = { examples: 1, batch: 1, length: 12, seed: 0 };
    const [{ targets }] = promptedBatches(await loadTokenizer(folder), pair, options);
    assertEquals(targets.data.filter((id) => id >= 0).at(-1), end);
  }));

const tiny = ["--model", "models/tiny-gpt2"];

async function write(folder: string, name: string, text: string): Promise<string> {
  await Deno.writeTextFile(`${folder}/${name}`, text);
  return `${folder}/${name}`;
}

/** The golden texts as files of the E2E scripts. */
async function goldenFiles(folder: string): Promise<string[]> {
  const { texts } = golden;
  const outputs = texts.map(({ output }) => `${output}\n`).join("");
  const references = texts.map(({ references }) => `${references.join("\n")}\n`).join("\n");
  return [
    "--outputs",
    await write(folder, "outputs.txt", outputs),
    "--references",
    await write(folder, "references.txt", references),
  ];
}

Deno.test("files of outputs and references get the scores of the E2E scripts", () =>
  withFolder(async (folder) => {
    const files = await goldenFiles(folder), { bleu, nist } = golden.scores;
    const found = await lowrankJson("evaluate", ...files, "--metrics", "NIST,bleu");
    assertEquals(Object.keys(found.scores), ["nist", "bleu"]);
    assertAlmostEquals(found.scores.bleu, bleu, 1e-12);
    assertAlmostEquals(found.scores.nist, nist, 1e-12);
    assertEquals([found.outputs, found.references], [16, 31]);
    const { stdout } = await lowrank("evaluate", ...files, "--metrics", "rouge_l");
    assertStringIncludes(stdout, `rougeL  ${golden.scores.rougeL.toFixed(4)}`);
    assertStringIncludes(stdout, "16 outputs with 31 references");
  }));

Deno.test("METEOR without its tables has another name, and a folder without them is refused", () =>
  withFolder(async (folder) => {
    const files = [...await goldenFiles(folder), "--metrics", "meteor"];
    const found = await lowrankJson("evaluate", ...files);
    assertEquals(Object.keys(found.scores), ["meteorWithoutParaphrases"]);
    const { stderr } = await lowrank("evaluate", ...files);
    assertStringIncludes(stderr, "METEOR without its table of paraphrases");
    await assertFails(["evaluate", ...files, "--meteor", folder], "meteor-1.5.jar");
  }));

Deno.test("a model's answers are scored, prompts with several references once", () =>
  withFolder(async (folder) => {
    const rows = [["boat:", "a galleon"], ["song:", "a shanty"], ["boat:", "a fine old ship"]];
    const text = rows.map(([prompt, completion]) => JSON.stringify({ prompt, completion }));
    const data = ["--data", await write(folder, "mine.jsonl", text.join("\n"))];
    const most = ["--max-new-tokens", "6"];
    for (const how of [[], ["--beams", "2"]]) {
      const made = await lowrank("generate", ...tiny, ...data, ...most, ...how, "--json");
      const answers = made.stdout.trim().split("\n").map((line) => JSON.parse(line).text.trim());
      const wanted = scoreTexts([
        { output: answers[0], references: ["a galleon", "a fine old ship"] },
        { output: answers[1], references: ["a shanty"] },
      ], ["rougeL", "cider"]);
      const metrics = ["--metrics", "rougeL,cider"];
      const found = await lowrankJson("evaluate", ...tiny, ...data, ...most, ...how, ...metrics);
      assertEquals(found, { scores: wanted, outputs: 2, references: 3 });
    }
  }));

Deno.test("what does not go together, or is not known, is said", () =>
  withFolder(async (folder) => {
    const files = await goldenFiles(folder), data = ["--data", "examples/pairs.jsonl"];
    await assertFails(["evaluate"], "needs --model and --data, or --outputs and --references");
    await assertFails(["evaluate", ...tiny], "found --model alone");
    await assertFails(["evaluate", ...files.slice(0, 2)], "go together", "outputs.txt alone");
    await assertFails(["evaluate", ...files, ...tiny], "without a model: leave out --model");
    await assertFails(["evaluate", ...files, "--beams", "2"], "leave out --beams");
    await assertFails(["evaluate", ...files, "--metrics", "bleu,rouge"], ...textMetrics);
    await assertFails(["evaluate", ...tiny, ...data, "--beams", "2"], "leave out --beams");
    const chosen = ["--metrics", "bleu"];
    await assertFails(["evaluate", ...files, ...chosen, "--meteor", folder], "leave out --meteor");
    const template = ["--prompt-template", "{prompt}"];
    await assertFails(
      ["evaluate", ...tiny, ...data, ...chosen, ...template],
      "as in training: leave out --prompt-template",
    );
    const plain = ["--data", await write(folder, "plain.txt", "a text\n")];
    await assertFails(
      ["evaluate", ...tiny, ...plain, "--metrics", "bleu"],
      "--metrics need prompts with completions, found 1 line with text",
    );
    const classifier = ["--model", goldenPath("families/bert_classifier")];
    await assertFails(
      ["evaluate", ...classifier, ...data, "--metrics", "bleu"],
      "must predict the next token, found a classifier of 3 labels; leave out --metrics",
    );
  }));
