/** 0 to 15: a small model's wrong answers become right, and it is itself again. @module */

import {
  complete,
  countTrainable,
  injectLora,
  loadModel,
  loadTokenizer,
  merge,
  promptedBatches,
  type TextModel,
  train,
} from "../../mod.ts";
import { skills, skillTexts } from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { grouped } from "../../src/core/numbers.ts";
import { plot, tableOf } from "../../src/figures/mod.ts";
import { exactOn } from "../../src/models/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";
import { tableHtml } from "../../src/figures/html.ts";
import { formulasHtml, plotHtml } from "../drawing.ts";
import type { Part } from "../slide.ts";
import { codeSlide } from "./closing.ts";
import { openingSlides } from "./opening.ts";

const prompts = ["rev green:", "upp green:", "flp green:"], steps = 200;

/** The task of notebook 00: a known one under a word that the base does not know. */
const flip = { ...skills.find(({ name }) => name === "reverse")!, words: ["flp"] };

const examples = skillTexts(flip, { split: "train", examples: 1000, seed: 1 });
const unseen = skillTexts(flip, { split: "test", examples: 200, seed: 1 });

/** The part. */
export async function tourPart(): Promise<Part> {
  const { values, trained, right, said } = await trainFlip();
  const numbers = {
    values: grouped(values),
    trained: grouped(trained),
    first: right[0].toFixed(0),
    last: right.at(-1)!.toFixed(0),
    unseen: `${unseen.length}`,
    steps: `${steps}`,
    same: `${said.before.filter((text, i) => text === said.untrained[i]).length}`,
    restored: `${said.before.filter((text, i) => text === said.restored[i]).length}`,
    all: `${prompts.length}`,
  };
  const rows = (columns: Record<string, string[]>) =>
    tableHtml(tableOf(
      "Answers",
      prompts.map((prompt, i) => ({
        prompt,
        ...Object.fromEntries(Object.entries(columns).map(([name, texts]) => [name, texts[i]])),
      })),
    ));
  return {
    title: "Tour",
    minutes: [0, 15],
    notebook: "Notebook 00",
    slides: [...await openingSlides(), {
      kind: "question",
      title: "{trained} values are added. What does the model say?",
      text: [
        "The base has {values} values and can write a word backwards (`rev`) or in capitals (`upp`). " +
        "It does not know `flp`. A is random, B is zero.",
      ],
      choices: ["the same answers", "other answers", "garbage"],
      minute: 4,
      notes: "Hands for each. Then run the cell, if there is a notebook, and show the next slide.",
      numbers,
      figure: await formulasHtml("h = W_0 x + s\\, B A x, \\qquad s = \\alpha / r"),
    }, {
      kind: "answer",
      title: "The same answers, to the last letter",
      text: ["{same} of {all} answers are as before: B is zero, and so is the product."],
      numbers,
      figure: rows({ "base": said.before, "with an adapter": said.untrained }),
      caption: "tiny-skills, r = 1 on q and v.",
      minute: 5,
      notes: "Do not explain yet: B is zero. Why that is clever comes with slide 14.",
    }, {
      kind: "question",
      title: "`flp` is to flip words: {steps} steps, then {unseen} words that it never saw",
      text: ["Before training {first}% of them are right. And after?"],
      choices: ["at most 10%", "about half", "at least 90%"],
      minute: 6,
      notes:
        "Now 0 are right. Hands; then start the training, if there is a notebook: five seconds.",
      numbers,
      figure: tableHtml(
        tableOf("Three of 1,000 examples", examples.slice(0, 3).map((text) => ({ ...text }))),
      ),
    }, {
      kind: "answer",
      title: "It has learned the rule",
      text: ["After {steps} steps {last}% are right, to the last letter."],
      numbers,
      figure: await plotHtml(
        plot({ LoRA: { x: right.map((_, i) => every * i), y: right } }, {
          ...{ x: "step", y: "percent right" },
        }),
        "The share of right answers rises from nothing to nearly all.",
      ),
      caption: "Words that are in none of the examples; r = 1 on q and v, seed 1.",
      minute: 8,
      notes: "Nothing for twenty steps or so, and then steeply up.",
    }, {
      title: "It flips what it should not, and the base is untouched",
      text: [
        "It was shown one task alone, and overwrites the others. Without the adapter, {restored} of " +
        "{all} answers are those of the base again.",
      ],
      numbers,
      figure: rows({ "adapted": said.after, "adapter removed": said.restored }),
      caption: `Merged, it answers “${said.merged}” to ${prompts[2]}`,
      minute: 11,
      notes:
        "It learned a rule, not a list. It flips what it should not; show it the other tasks, too, and it does not.",
    }, codeSlide],
  };
}

/** Steps from one count of right answers to the next. */
const every = 20;

async function trainFlip() {
  const folder = `${rootPath}models/tiny-skills`, tokenizer = await loadTokenizer(folder);
  using device = await openCpuDevice({ blas: false });
  using model = await loadModel(device, folder);
  const answerAll = async (model: TextModel) => {
    const all: string[] = [];
    for (const prompt of prompts) all.push((await complete(model, tokenizer, prompt)).trim());
    return all;
  };
  const test = [...promptedBatches(tokenizer, unseen, { batch: 50 })];
  const percentRight = async () => 100 * await exactOn(model, test);
  const values = countTrainable(model), before = await answerAll(model);
  const adapter = injectLora(model, { rank: 1, alpha: 2, sites: ["q", "v"], seed: 1 });
  const untrained = await answerAll(model), trained = adapter.parameterCount;
  const right = [await percentRight()];
  const recipe = {
    learningRate: 2e-2,
    schedule: "linear",
    warmupSteps: 10,
    steps,
    seed: 1,
  } as const;
  const counted = { ...recipe, evaluateEvery: every, evaluate: percentRight };
  const batches = promptedBatches(tokenizer, examples, { seed: 1 });
  for await (const { evaluation } of train(adapter, batches, counted)) {
    if (evaluation !== undefined) right.push(evaluation);
  }
  const after = await answerAll(model);
  using mergedModel = merge(model, adapter);
  const merged = (await answerAll(mergedModel))[2];
  adapter.remove();
  const restored = await answerAll(model);
  return { values, trained, right, said: { before, untrained, after, merged, restored } };
}
