/** Our own base with skills: its folder, what its card says, and an adapter that makes answers right. */

import { assert, assertEquals } from "@std/assert";
import {
  complete,
  injectLora,
  loadModel,
  loadTokenizer,
  openDevice,
  promptedBatches,
  train,
} from "../../mod.ts";
import { type Skill, skills, skillTexts, splitOf } from "../../src/data/mod.ts";
import { exactOn } from "../../src/models/mod.ts";
import { card } from "../../scripts/pretrain_skills/card.ts";
import { heldOutTexts, type SkillScore, skillScore } from "../../scripts/pretrain_skills/score.ts";
import { assertAllClose } from "../support/all_close.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const folder = `${rootPath}models/tiny-skills`;

const readJson = async (name: string) =>
  JSON.parse(await Deno.readTextFile(`${folder}/${name}.json`));

const run = await readJson("pretraining"), baselines = await readJson("baselines");

const reverse = skills.find(({ name }) => name === "reverse")!;

Deno.test("the base is small, and its tokens are the bytes and the end of a text", async () => {
  assert((await Deno.stat(`${folder}/model.safetensors`)).size <= 2e6);
  const tokenizer = await loadTokenizer(folder), { vocabularySize, endOfText } = tokenizer;
  assertEquals([vocabularySize, endOfText], [257, 256]);
  for (const text of ["rev hello:", " olleh", "naïve — 🙂"]) {
    const ids = tokenizer.encode(text);
    assertEquals([ids.length, tokenizer.decode(ids)], [
      new TextEncoder().encode(text).length,
      text,
    ]);
  }
});

Deno.test("the card has what was measured, and a new measurement of a sample gives the same", async () => {
  assertEquals(await Deno.readTextFile(`${folder}/README.md`), card.text(run, baselines));
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, folder);
  const tokenizer = await loadTokenizer(folder), { heldOut } = run;
  assertEquals(heldOut.skills.map(({ name }: SkillScore) => name), skills.map(({ name }) => name));
  for (const at of [1, 3, 14, 19, 21, 22]) {
    const { nats, exact, ...facts } = await skillScore(model, tokenizer, heldOutTexts()[at]);
    const { nats: wasNats, exact: wasExact, ...were } = heldOut.skills[at] as SkillScore;
    assertEquals(facts, were);
    assertAllClose([nats], [wasNats], { absolute: 1e-4, what: facts.name });
    // Where two letters are equally likely, rounding decides.
    assert(Math.abs(exact - wasExact) < 1.5 / facts.texts, `${facts.name}: ${exact}, ${wasExact}`);
  }
});

Deno.test("it does most of its skills, and far better than n-grams", () => {
  const { heldOut: { exact, nats, skills: scores } } = run, { trigram, fiveGram } = baselines;
  assert(exact > 0.95 && exact > 10 * fiveGram.exact && nats < 0.1 * fiveGram.nats);
  assert(fiveGram.nats < trigram.nats);
  const whole = scores.filter((score: SkillScore) => score.exact >= 0.99);
  assert(whole.length >= 18, `${whole.length} of ${scores.length}`);
});

Deno.test("it answers a prompt that a user writes, with an input that it has not seen", async () => {
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, folder);
  const tokenizer = await loadTokenizer(folder);
  assertEquals(["green", "99"].map(splitOf), ["test", "test"]);
  const answers: string[] = [];
  for (const prompt of ["rev green:", "upp green:", "num 99:"]) {
    answers.push(await complete(model, tokenizer, prompt));
  }
  assertEquals(answers, ["neerg", "GREEN", "ninety-nine"]);
});

Deno.test("LoRA of rank 1 on q and v learns a known skill under a new word", async () => {
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, folder);
  const tokenizer = await loadTokenizer(folder), task: Skill = { ...reverse, words: ["flp"] };
  const textsOf = (split: "train" | "test", examples: number) =>
    skillTexts(task, { split, examples, seed: 1 });
  const unseen = promptedBatches(tokenizer, textsOf("test", 100), { batch: 100 });
  const before = await exactOn(model, unseen);
  using adapter = injectLora(model, { rank: 1, alpha: 2, sites: ["q", "v"], seed: 1 });
  const batches = promptedBatches(tokenizer, textsOf("train", 2000), { batch: 32, seed: 1 });
  const recipe = { learningRate: 0.03, schedule: "linear", warmupSteps: 10, steps: 200 } as const;
  await train(adapter, batches, recipe).finish();
  const after = await exactOn(model, unseen);
  assert(before < 0.1 && after > 0.9, `${before} to ${after}`);
});
