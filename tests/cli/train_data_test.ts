/** `lowrank train --data`: from a file of texts to an adapter that speaks or sorts like it. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { injectLora, loadAdapter } from "../../src/adapt/mod.ts";
import { evaluationBatches, promptedBatches, readTexts } from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { complete, loadModel, rightAnswersOn } from "../../src/models/mod.ts";
import { summaryOf } from "../../src/cli/commands/train/command.ts";
import type { TrainRequest } from "../../src/cli/commands/train/request.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate, runTrainer, Trainer } from "../../src/train/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { trainArgs, writeJson } from "./arguments.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";
import { smallBase } from "./sweeps.ts";

const tiny = "models/tiny-gpt2", base = ["--model", tiny];

const galleons = [
  { prompt: "boat:", completion: "a fine old galleon" },
  { prompt: "hook:", completion: "a hand that never shakes" },
  { prompt: "map:", completion: "an X and a promise" },
];

/** Writes a file of JSON Lines. */
async function writeLines(path: string, rows: readonly object[]): Promise<string> {
  await Deno.writeTextFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
  return path;
}

Deno.test("what was trained on prompts answers them: evaluate, generate, complete, merged", () =>
  withFolder(async (folder) => {
    const data = await writeLines(`${folder}/mine.jsonl`, galleons), output = `${folder}/out`;
    const held = await writeLines(`${folder}/held.jsonl`, galleons.slice(1, 2));
    const train = ["train", ...base, "--data", data, "--validation", held, "--output", output];
    const told = await lowrank(
      ...train,
      "--sites",
      "all",
      "--learning-rate",
      "1e-2",
      "--steps",
      "20",
    );
    assertEquals(told.code, 0, told.stderr);
    for (
      const said of [
        `3 rows with prompt and completion in ${data}\n`,
        `3 texts to train on, 1 held out (1 row with prompt and completion in ${held})\n`,
        "LoRA of rank 8 on all: training 73,728 parameters, 3.97% of the model's 1,858,560, in 20 steps",
        " tokens/s",
        "right answers: 100.0% of 1 held-out text, to the last token\n",
        `next:\n  npx -y deno task lowrank evaluate --model ${tiny} --adapter ${output} --data ${held}\n` +
        `  npx -y deno task lowrank generate --model ${tiny} --adapter ${output} --prompt boat:\n` +
        `  npx -y deno task lowrank inspect ${output} --base ${tiny}\n`,
      ]
    ) assertStringIncludes(told.stderr, said);
    const { heldOut, answers } = JSON.parse(await Deno.readTextFile(`${output}/run.json`));
    assertEquals(answers, { right: 1, texts: 1 });
    assert(heldOut.best < heldOut.before - 2, JSON.stringify(heldOut));
    const adapted = [...base, "--adapter", output], merged = `${folder}/merged`;
    const lossOf = async (args: string[]) =>
      (await lowrankJson("evaluate", ...args, "--data", held)).loss;
    assertEquals([await lossOf(base), await lossOf(adapted)], [heldOut.before, heldOut.best]);
    const { right, texts } = await lowrankJson("evaluate", ...base, "--data", held);
    assertEquals([right, texts], [0, 1]);
    const { stdout } = await lowrank("evaluate", ...adapted, "--data", data);
    const plain = `${folder}/plain.txt`;
    await Deno.writeTextFile(plain, "boat: a fine old galleon");
    assertMatch((await lowrank("evaluate", ...adapted, "--data", plain)).stdout, /^loss \d/);
    assertMatch(stdout, /^right answers: 100.0% of 3 texts, to the last token\nloss \d/);

    const answer = async (args: string[], prompt: string) =>
      (await lowrankJson("generate", ...args, "--prompt", prompt)).text;
    await lowrankJson("merge", ...adapted, "--output", merged);
    using device = await openCpuDevice({ threads: 1 });
    using model = await loadModel(device, tiny);
    const tokenizer = await loadTokenizer(tiny);
    using _ = await loadAdapter(model, output);
    for (const { prompt, completion } of galleons) {
      assertEquals(await answer(adapted, prompt), completion);
      assertEquals(await complete(model, tokenizer, prompt), completion);
    }
    assertEquals(await answer(["--model", merged], "map:"), galleons[2].completion);
    assertNotEquals(await answer(base, "map:"), galleons[2].completion);
  }));

Deno.test("a template and a separator are written again for every answer", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    using model = await loadModel(device, tiny);
    const tokenizer = await loadTokenizer(tiny);
    using adapter = injectLora(model, { rank: 8, sites: "all", seed: 1 });
    const format = { template: "Say: {prompt} =", separator: " " };
    const pairs = [{ prompt: "boat", completion: "a galleon" }], steps = 20;
    const batches = promptedBatches(tokenizer, pairs, {
      ...{ examples: 1, batch: 1, length: 16, seed: 1, format },
    });
    using trainer = new Trainer(model, { learningRate: 1e-2, steps, schedule: "cosine" });
    await Array.fromAsync(runTrainer(trainer, batches));
    assertEquals(await complete(model, tokenizer, "boat"), "a galleon");
    await adapter.save(folder);
    const args = ["generate", "--model", tiny, "--adapter", folder, "--prompt", "boat"];
    assertEquals((await lowrankJson(...args)).text, "a galleon");
  }));

Deno.test("trained on labels, an adapter with its head sorts texts that it has not seen", () =>
  withFolder(async (folder) => {
    const words = { sea: ["ship", "sailor", "whale"], war: ["army", "general", "enemy"] };
    const rows = Object.entries(words).flatMap(([label, names]) =>
      names.flatMap((name) => ["came", "is old"].map((what) => `The ${name} ${what},${label}\n`))
    );
    const data = `${folder}/mine.csv`, output = `${folder}/out`, merged = `${folder}/merged`;
    await Deno.writeTextFile(data, `text,label\n${rows.join("")}`);
    const train = ["train", ...base, "--data", data, "--steps", "20", "--output", output];
    const { trainable } = await lowrankJson(...train);
    assertEquals(trainable, 16_384 + 2 * 256);
    const other = `${folder}/other.csv`;
    await Deno.writeTextFile(other, "text,label\nThe whale is seen,sea\nThe general is seen,war\n");
    const adapted = [...base, "--adapter", output];
    const found = await lowrankJson("evaluate", ...adapted, "--data", other);
    assertEquals([found.accuracy, found.mostFrequent, found.counted], [1, 0.5, 2]);
    await lowrankJson("merge", ...adapted, "--output", merged);
    const { id2label, label2id } = JSON.parse(await Deno.readTextFile(`${merged}/config.json`));
    assertEquals([id2label, label2id], [{ 0: "sea", 1: "war" }, { sea: 0, war: 1 }]);
    const tokens = JSON.parse(await Deno.readTextFile(`${merged}/tokenizer_config.json`));
    const old = JSON.parse(await Deno.readTextFile("models/tiny-gpt2/tokenizer_config.json"));
    assertEquals(tokens, { ...old, pad_token: "<|endoftext|>" });
    const again = await lowrankJson("evaluate", "--model", merged, "--data", other);
    assert(Math.abs(again.loss - found.loss) < 1e-4, `${again.loss} and ${found.loss}`);
    await assertFails(["generate", ...adapted, "--prompt", "a"], "found a classifier of 2 labels");
    await assertFails(["evaluate", ...base, "--data", other], "labels need a classifier");
    const { heldOut } = await lowrankJson(...train);
    const further = [...train.slice(0, -1), `${folder}/further`, "--adapter", output];
    const { heldOut: { before } } = await lowrankJson(...further, "--steps", "1");
    assertEquals(before, heldOut.best, "it begins where the other ended");
  }));

Deno.test("after a classifier, train asks for other texts, unless the held-out ones are in a file", () =>
  withFolder(async (folder) => {
    const data = `${folder}/kinds.jsonl`, few = ["--steps", "2", "--method", "full"];
    const texts = ["cat", "dog", "log", "mat"].flatMap((name) =>
      ["sat", "sits"].map((what) => ({ text: `the ${name} ${what}`, label: name }))
    );
    await writeLines(data, texts);
    const train = ["train", ...base, "--data", data, ...few, "--output"];
    const { stderr } = await lowrank(...train, `${folder}/a`, "--validation", "0");
    const others =
      "next, with texts in FILE that were not trained on:\n  npx -y deno task lowrank ";
    assertStringIncludes(stderr, `${others}evaluate --model ${folder}/a --data FILE\n`);
    const held = await writeLines(`${folder}/held.jsonl`, texts);
    const watched = await lowrank(...train, `${folder}/b`, "--validation", held);
    assertStringIncludes(watched.stderr, `evaluate --model ${folder}/b --data ${held}\n`);
    assertEquals(watched.stderr.includes("FILE"), false);
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/a/${name}`));
    assertEquals((await read("config.json")).label2id, { cat: 0, dog: 1, log: 2, mat: 3 });
    assertEquals((await read("tokenizer_config.json")).pad_token, "<|endoftext|>");
  }));

Deno.test("evaluate has loss and right answers of one pass, the same as of a pass for each", () =>
  withFolder(async (folder) => {
    const rows = ["green", "otter", "pale", "sun"].flatMap((word) =>
      ["rev", "flp"].map((task) => ({ // The base knows the first of them.
        ...{ prompt: `${task} ${word}:`, completion: [...word].reverse().join("") },
      }))
    );
    const data = await writeLines(`${folder}/some.jsonl`, rows), skills = "models/tiny-skills";
    using device = await openCpuDevice({ threads: 1 });
    using model = await loadModel(device, skills);
    const tokenizer = await loadTokenizer(skills), texts = await readTexts(data);
    for (const batch of [3, 8]) {
      const { batches } = evaluationBatches(model, tokenizer, texts, { batch });
      const expected = {
        ...await evaluate(model, batches),
        ...await rightAnswersOn(model, batches),
      };
      assertEquals([expected.right, expected.texts], [4, 8]);
      const args = ["--model", skills, "--data", data, "--batch-size", `${batch}`];
      assertEquals(await lowrankJson("evaluate", ...args), expected);
    }
  }));

/** A training of a small model on 40 lines, but for its output. */
async function small(folder: string): Promise<string[]> {
  const { model, data } = await smallBase(folder);
  return ["train", "--model", model, "--data", data];
}

Deno.test("an adapter that is trained further keeps its rank and gets the rate of its scaling", () =>
  withFolder(async (folder) => {
    const first = `${folder}/first`, args = await small(folder), steps = ["--steps", "1"];
    const method = ["--rank", "2", "--alpha", "8", "--sites", "k"];
    const { stderr: fresh } = await lowrank(...args, ...steps, ...method, "--output", first);
    const further = [...args, ...steps, "--adapter", first, "--output", `${folder}/further`];
    const { stderr } = await lowrank(...further);
    const [, rate] = /at learning rate (.*)/.exec(fresh)!;
    assertStringIncludes(fresh, "LoRA of rank 2 on k: training");
    assertMatch(stderr, new RegExp(`\nLoRA: training .* at learning rate ${rate}\n`));
  }));

Deno.test("what a training on texts cannot take is refused before anything is written", () =>
  withFolder(async (folder) => {
    const args = [...await small(folder), "--output", `${folder}/out`];
    const refuse = (more: readonly string[], ...sentence: string[]) =>
      assertFails([...args, ...more], ...sentence);
    await refuse(["--steps", "1", "--epochs", "2"], "takes --steps or --epochs, found both");
    await refuse(["--batches", "b.json"], "takes --data or --batches, found both");
    await refuse(["--validation", "1.5"], "A share must be 0 or more and below 1");
    const least = "must be a whole number of at least 1";
    for (const wrong of ["0", "four"]) await refuse(["--rank", wrong], "--rank", `It ${least}`);
    const config = `${folder}/settings.json`, method = { name: "lora", rank: 0 };
    await Deno.writeTextFile(config, JSON.stringify({ method }));
    await refuse(["--config", config], `method: rank ${least}, found 0`);
    await refuse(["--prompt-template", "Q:"], "It must contain {prompt} once");
    await refuse(["--prompt-template", "Q: {prompt}"], "needs texts with prompts, found 40 lines");
    await refuse(
      ["--validation", "0", "--patience", "2"],
      "--patience needs held-out texts, found none",
    );
    const [, model, folderOf] = args,
      bare = ["train", model, folderOf, "--output", `${folder}/out`];
    await assertFails(bare, "needs --data FILE with texts, or --batches FILE", "found neither");
    const wrong = [...bare, "--batches", `${folder}/mine.txt`, "--steps", "1"];
    await assertFails(wrong, "it is not JSON", 'must be like {"batches": [[[5, 6, 7]]', "--data");
    await assertFails(
      [...wrong, "--epochs", "2"].toSpliced(-4, 2),
      "--epochs must come with --data",
    );
    assertEquals(filesIn(folder).includes("out"), false);
  }));

Deno.test("a held-out loss that was lowest at the last step ends with the advice to train longer", () =>
  withFolder(async (folder) => {
    const args = [...await small(folder), "--output", `${folder}/out`, "--learning-rate", "1e-4"];
    const { stderr } = await lowrank(...args, "--steps", "3");
    const advice = "the held-out loss was lowest at the last step: to train longer, give --steps 6";
    assertStringIncludes(stderr, advice);
  }));

Deno.test("where all held-out prompts are answered right, no longer training is advised", () => {
  const request = { spec: { training: { steps: 6, learningRate: 1 } } } as TrainRequest;
  const toldOf = (right: number) =>
    summaryOf({
      ...{ steps: 6, trainable: 1, loss: 1, firstLoss: 2, answers: { right, texts: 2 } },
      heldOut: { before: 2, best: 1, bestStep: 6 },
    }, request).join("\n");
  assertStringIncludes(toldOf(1), "to train longer, give --steps 12");
  assertEquals(toldOf(2).includes("train longer"), false);
});

Deno.test("a loss that has exploded ends with the advice to lower the learning rate", () =>
  withFolder(async (folder) => {
    const data = ["--data", `${folder}/mine.txt`, "--output", `${folder}/out`];
    const lines = ["the President of the United States", "the Congress of the United States"];
    await Deno.writeTextFile(`${folder}/mine.txt`, lines.join("\n"));
    const args = [
      "train",
      ...base,
      ...data,
      "--steps",
      "5",
      "--learning-rate",
      "4",
      "--sites",
      "all",
    ];
    const { stderr } = await lowrank(...args, "--validation", "0");
    assertStringIncludes(stderr, "the loss has risen from ");
    assertStringIncludes(stderr, "try a lower --learning-rate, 0.005, the default, for example");
    const watched = await lowrank(...args, "--output", `${folder}/watched`);
    const kept = "the held-out loss was lowest before training";
    assertStringIncludes(watched.stderr, kept);
    assertStringIncludes(watched.stderr, "wrote the unchanged adapter to ");
    assertEquals(watched.stderr.includes("next:"), false);
  }));

Deno.test("--validate-every and the configuration say when the held-out loss is measured", () =>
  withFolder(async (folder) => {
    const { model, data } = await smallBase(folder);
    const measured = async (output: string, ...more: string[]) => {
      const args = ["train", "--model", model, "--data", data, "--steps", "8", "--output"];
      await lowrankJson(...args, `${folder}/${output}`, ...more);
      const { heldOut } = JSON.parse(await Deno.readTextFile(`${folder}/${output}/log.json`));
      return heldOut.map(({ step }: { step: number }) => step);
    };
    const config = ["--config", await writeJson(`${folder}/c.json`, { validateEvery: 5 })];
    const option = ["--validate-every", "3"];
    assertEquals(await measured("usual"), [0, 8]);
    assertEquals(await measured("said", ...option), [0, 3, 6, 8]);
    assertEquals(await measured("configured", ...config), [0, 5, 8]);
    assertEquals(await measured("outvoted", ...config, ...option), [0, 3, 6, 8]);
    const { spec } = JSON.parse(await Deno.readTextFile(`${folder}/said/run.json`));
    assertEquals(spec.training.validateEvery, 3);
    const again = ["train", "--model", model, "--data", data, "--steps", "8", "--output"];
    await assertFails(
      [...again, `${folder}/said`, "--validate-every", "4"],
      "it was made with validateEvery 3 instead of 4",
    );
    const none = [...again, `${folder}/none`, "--validation", "0", ...option];
    await assertFails(
      none,
      "--validate-every needs held-out texts, found none: leave it out, or let --validation",
    );
    const batches = await trainArgs(folder, `${folder}/none`);
    await assertFails([...batches, ...option], "--validate-every must come with --data");
    for (const field of ["validateEvery", "checkpointEvery"]) {
      const wrong = await trainArgs(folder, `${folder}/none`, { [field]: 0 });
      await assertFails(wrong, `${field} must be a whole number of at least 1, found 0`);
    }
  }));
