/** `lowrank train --data`: from a file of texts to an adapter that speaks or sorts like it. */

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { filesIn, withFolder } from "../support/folders.ts";
import { writeBabbler } from "./babbler.ts";
import { contents, cut } from "./cut.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

const base = ["--model", "models/tiny-gpt2"];

const things = ["boat", "hook", "map", "rum", "sail", "gold", "fish", "rope"];
const pairs = things.flatMap((thing) => [
  { prompt: `Where is the ${thing}?`, completion: `Arr, the ${thing} is in the hold` },
  { prompt: `Who has the ${thing}?`, completion: `Arr, the captain has the ${thing}` },
]);
const jsonLines = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).join("\n");

Deno.test("trained on prompts, an adapter answers like them, and evaluate finds the same loss", () =>
  withFolder(async (folder) => {
    const data = `${folder}/mine.jsonl`, held = `${folder}/held.jsonl`, output = `${folder}/out`;
    await Deno.writeTextFile(data, jsonLines(pairs));
    const asked = [{ prompt: "Who has the king?", completion: "Arr, the captain has the king" }];
    await Deno.writeTextFile(held, jsonLines(asked));
    const train = ["train", ...base, "--data", data, "--validation", held, "--output", output];
    const told = await lowrank(...train, "--epochs", "25", "--batch-size", "4");
    assertEquals(told.code, 0, told.stderr);
    for (
      const said of [
        `16 rows with prompt and completion in ${data}\n`,
        `16 texts to train on, 1 held out (1 row with prompt and completion in ${held})\n`,
        "LoRA of rank 8 on q, v: training 16,384 parameters, 0.882% of the model's 1,858,560, in 100 steps",
        " tokens/s",
        `next:\n  npx -y deno task lowrank generate --model models/tiny-gpt2 --adapter ${output} --prompt`,
      ]
    ) assertStringIncludes(told.stderr, said);
    const { heldOut } = JSON.parse(await Deno.readTextFile(`${output}/run.json`));
    assert(heldOut.best < heldOut.before - 2, JSON.stringify(heldOut));
    const measure = ["evaluate", ...base, "--data", held];
    assertEquals((await lowrankJson(...measure)).loss, heldOut.before);
    const adapted = [...base, "--adapter", output];
    assertEquals((await lowrankJson("evaluate", ...adapted, "--data", held)).loss, heldOut.best);
    const ask = ["--prompt", "Where is the king?"];
    assertMatch((await lowrankJson("generate", ...adapted, ...ask)).text, /^Arr, the \w+ /);
    const plain = await lowrankJson("generate", ...base, ...ask);
    assert(!plain.text.includes("Arr"), plain.text);
  }));

Deno.test("trained on labels, an adapter with its head sorts texts that it has not seen", () =>
  withFolder(async (folder) => {
    const words = { sea: ["ship", "sailor", "whale"], war: ["army", "general", "enemy"] };
    const rows = Object.entries(words).flatMap(([label, names]) =>
      names.flatMap((name) =>
        ["came", "was here", "is old", "is gone"].map((what) => ({
          text: `The ${name} ${what}`,
          label,
        }))
      )
    );
    const data = `${folder}/mine.csv`, output = `${folder}/out`, merged = `${folder}/merged`;
    const csv = rows.map(({ text, label }) => `${text},${label}`).join("\n");
    await Deno.writeTextFile(data, `text,label\n${csv}\n`);
    const train = ["train", ...base, "--data", data, "--steps", "40", "--output", output];
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
    const further = [...train.slice(0, -1), `${folder}/further`, "--adapter", output];
    assert((await lowrankJson(...further)).heldOut.before < 0.1, "it begins where the other ended");
  }));

Deno.test("after a classifier, train asks for other texts, unless the held-out ones are in a file", () =>
  withFolder(async (folder) => {
    const data = "examples/kinds.jsonl", few = ["--steps", "12", "--method", "full"];
    const train = ["train", ...base, "--data", data, ...few, "--output"];
    const { stderr } = await lowrank(...train, `${folder}/a`);
    const others =
      `(most texts of ${data} were trained on: for a fair accuracy, give --data a file`;
    assertStringIncludes(stderr, others);
    const held = `${folder}/held.jsonl`;
    await Deno.writeTextFile(held, await Deno.readTextFile(data));
    const watched = await lowrank(...train, `${folder}/b`, "--validation", held);
    assertStringIncludes(watched.stderr, `evaluate --model ${folder}/b --data ${held}\n`);
    assertEquals(watched.stderr.includes("most texts of"), false);
    const read = async (name: string) => JSON.parse(await Deno.readTextFile(`${folder}/a/${name}`));
    assertEquals((await read("config.json")).label2id, { animal: 0, food: 1, plant: 2 });
    assertEquals((await read("tokenizer_config.json")).pad_token, "<|endoftext|>");
  }));

/** A training of a small model on 40 lines, but for its output. */
async function small(folder: string): Promise<string[]> {
  await writeBabbler(folder);
  const file = `${folder}/mine.txt`;
  const lines = Array.from(
    { length: 40 },
    (_, i) => `the ${["cat", "dog", "log"][i % 3]} sat ${i}`,
  );
  await Deno.writeTextFile(file, lines.join("\n"));
  return ["train", "--model", folder, "--data", file];
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  Deno.test(`training on texts after ${signal} resumes to the bytes of one that was not cut off`, () =>
    withFolder(async (folder) => {
      const args = [...await small(folder), "--steps", "1500", "--patience", "99", "--output"];
      await lowrankJson(...args, `${folder}/whole`);
      const output = `${folder}/cut`;
      await cut([...args, output, "--quiet"], output, signal);
      const { code, stderr } = await lowrank(...args, output);
      assertEquals(code, 0, stderr);
      assertStringIncludes(stderr, "resuming after step ");
      assertEquals(await contents(output), await contents(`${folder}/whole`));
      const { heldOut } = JSON.parse(await Deno.readTextFile(`${output}/log.json`));
      assertEquals(heldOut.slice(0, 2).map(({ step }: { step: number }) => step), [0, 10]);
    }));
}

Deno.test("a finished folder says how it was trained, and in what another training differs", () =>
  withFolder(async (folder) => {
    const output = `${folder}/out`, args = [...await small(folder), "--output", output];
    const run = (...more: string[]) => [...args, "--steps", "2", ...more];
    await lowrankJson(...run("--learning-rate", "0.001"));
    const { spec } = JSON.parse(await Deno.readTextFile(`${output}/run.json`));
    assertEquals(spec.method, { kind: "lora", rank: 8, sites: ["q", "v"] });
    const { steps, learningRate, schedule } = spec.training;
    assertEquals([steps, learningRate, schedule, spec.seed], [2, 0.001, "linear", 0]);
    const same = await lowrank(...run("--learning-rate", "0.001", "--alpha", "8"));
    assertStringIncludes(same.stderr, "already trained: the adapter after 2 steps is in");
    const differs = async (sentence: string, ...more: string[]) =>
      await assertFails(
        run(...more),
        `this training has not made (it was made with ${sentence}; to train it further, give ` +
          `--adapter ${output} and another --output)`,
      );
    await differs("learningRate 0.001 instead of 0.002", "--learning-rate", "0.002");
    await differs(
      "rank 8 instead of 4 and seed 0 instead of 1",
      ...["--learning-rate", "0.001", "--rank", "4", "--seed", "1"],
    );
    await differs('held-out texts "usual" instead of 0.2', ...[
      ...["--learning-rate", "0.001", "--validation", "0.2"],
    ]);
    await Deno.writeTextFile(`${folder}/mine.txt`, "the cat\nthe dog\nthe log");
    await differs("another data", "--learning-rate", "0.001");
    const further = args.with(-1, `${folder}/further`);
    await lowrankJson(...further, "--steps", "1", "--adapter", output);
    assertEquals(filesIn(`${folder}/further`).includes("run.json"), true);
  }));

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
    const advice = "it was lowest at the last step: to train longer, give --steps 6 and another";
    assertStringIncludes(stderr, advice);
  }));

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
