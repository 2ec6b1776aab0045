/** 0 to 15: a small model learns six entries, and is itself again. @module */

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
import { methodPicture } from "../../src/figures/pictures/method.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { grouped } from "../../src/core/numbers.ts";
import { boxesPicture, plot, tableOf } from "../../src/figures/mod.ts";
import { rootPath } from "../../tests/support/source_files.ts";
import { tableHtml } from "../../src/figures/html.ts";
import { formulasHtml, pictureHtml, plotHtml } from "../drawing.ts";
import type { Part } from "../slide.ts";

/** The entries of notebook 00. */
const entries = `oak: a tree that counts its years in rings
whale: an island that breathes
river: a road that walks by itself
snow: rain that took its time
candle: a small sun for one table
map: a country that fits into a pocket`.split("\n");

const prompts = ["whale:", "moon:", "Fellow citizens,"], steps = 40;

/** The part. */
export async function tourPart(): Promise<Part> {
  const found = await learnEntries();
  const { values, trained, losses, said } = found;
  const numbers = {
    values: grouped(values),
    trained: grouped(trained),
    first: losses[0].toFixed(2),
    last: losses.at(-1)!.toFixed(2),
    steps: `${steps}`,
    same: `${said.before.filter((text, i) => text === said.untrained[i]).length}`,
    restored: `${said.before.filter((text, i) => text === said.restored[i]).length}`,
    all: `${prompts.length}`,
  };
  const rows = (columns: Record<string, string[]>) =>
    tableHtml(tableOf(
      "Continuations",
      prompts.map((prompt, i) => ({
        prompt,
        ...Object.fromEntries(Object.entries(columns).map(([name, texts]) => [name, texts[i]])),
      })),
    ));
  return {
    title: "Tour",
    minutes: [0, 15],
    notebook: "Notebook 00",
    slides: [{
      title: "Tall times wide, beside a weight that stays",
      text: [
        "A weight of many million values stays as it is. Beside it we train two thin matrices.",
      ],
      figure: pictureHtml({ svg: methodPicture().svg, alt: methodAlt }, smallMethodPicture()),
    }, {
      kind: "question",
      title: "{trained} values are added. What does the model say?",
      text: [
        "The base has {values} values and knows speeches and Moby Dick. A is random, B is zero.",
      ],
      choices: ["the same words", "other words", "garbage"],
      numbers,
      figure: await formulasHtml("h = W x + s\\, B A x, \\qquad s = \\alpha / r"),
    }, {
      kind: "answer",
      title: "The same words, to the last one",
      text: ["{same} of {all} continuations are as before: B is zero, and so is the product."],
      numbers,
      figure: rows({ "base": said.before, "with an adapter": said.untrained }),
      caption: "tiny-gpt2, r = 4 on q and v.",
    }, {
      kind: "question",
      title: "Six entries, {steps} steps: where does the loss end?",
      text: [
        "It begins at {first} nats per token. `whale:` is an example, `moon:` is not: what will they be?",
      ],
      choices: ["above 4", "near 2", "near 0"],
      numbers,
      figure: tableHtml(tableOf("The six entries", entries.map((entry) => ({ entry })))),
    }, {
      kind: "answer",
      title: "Near zero: a few words are learned by heart",
      text: ["After {steps} steps it is {last} nats per token."],
      numbers,
      figure: await plotHtml(
        plot({ loss: { x: losses.map((_, i) => i + 1), y: losses } }, {
          ...{ x: "step", y: "loss (nats per token)" },
        }),
        "The loss falls from its start to nearly zero.",
      ),
      caption: "Training loss, r = 4 on q and v, seed 1.",
    }, {
      title: "It recites, and the base is untouched",
      text: [
        "Asked for what it does not know, it takes an entry that it knows. Without the adapter, " +
        "{restored} of {all} continuations are those of the base again.",
      ],
      numbers,
      figure: rows({ "adapted": said.after, "adapter removed": said.restored }),
      caption: `Merged, it says: “${said.merged}”`,
    }],
  };
}

const methodAlt = "W′ is W, which stays frozen, plus s times a tall thin B times a low wide A.";

/** The same equation with fewer words, for a phone. */
function smallMethodPicture(): string {
  const trained = { role: "lora", notes: ["trained"] } as const;
  return boxesPicture({ alt: methodAlt, caption: "", cell: 6 }, [
    { sign: "W′" },
    { sign: "=" },
    { name: "W", rows: 12, columns: 12, role: "base", notes: ["frozen"] },
    { sign: "+" },
    { sign: "s ·" },
    { name: "B", rows: 12, columns: 2, ...trained },
    { sign: "·" },
    { name: "A", rows: 2, columns: 12, ...trained },
  ]).svg;
}

async function learnEntries() {
  const folder = `${rootPath}models/tiny-gpt2`, tokenizer = await loadTokenizer(folder);
  using device = await openCpuDevice({ blas: false });
  using model = await loadModel(device, folder);
  const sayAll = async (model: TextModel) => {
    const all: string[] = [];
    for (const prompt of prompts) {
      all.push((await complete(model, tokenizer, prompt, { maxNewTokens: 10 })).trim());
    }
    return all;
  };
  const values = countTrainable(model), before = await sayAll(model);
  const adapter = injectLora(model, { rank: 4, alpha: 16, sites: ["q", "v"], seed: 1 });
  const untrained = await sayAll(model), trained = adapter.parameterCount;
  const texts = entries.map((entry) => {
    const end = entry.indexOf(":") + 1;
    return { prompt: entry.slice(0, end), completion: entry.slice(end) };
  });
  const options = { learningRate: 3e-2, schedule: "cosine", steps, seed: 1 } as const;
  const losses: number[] = [];
  const batches = promptedBatches(tokenizer, texts, { seed: 1 });
  for await (const { loss } of train(adapter, batches, options)) losses.push(loss);
  const after = await sayAll(model);
  using mergedModel = merge(model, adapter);
  const [merged] = await sayAll(mergedModel);
  adapter.remove();
  const restored = await sayAll(model);
  return { values, trained, losses, said: { before, untrained, after, merged, restored } };
}
