/** `lowrank generate` with a tokenizer and a model that are made here. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { withFolder } from "../support/folders.ts";
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
