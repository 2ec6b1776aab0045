/** Dates to be written in words, and that the small base learns to. */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  evaluate,
  injectLora,
  loadModel,
  loadTokenizer,
  openDevice,
  promptedBatches,
  train,
} from "../../mod.ts";
import { dateTexts, splitOf } from "../../src/data/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const folder = `${rootPath}models/tiny-gpt2`;

const splits = ["train", "validation", "test"] as const;
const yearOf = ({ prompt }: { prompt: string }) => prompt.slice(0, 4);

Deno.test("a seed gives the same dates, and a smaller number a prefix of them", () => {
  const draw = (examples: number, seed: number) => dateTexts({ split: "train", examples, seed });
  assertEquals(draw(40, 3), draw(40, 3));
  assertEquals(draw(8, 3), draw(40, 3).slice(0, 8));
  assert(String(draw(8, 4).map(yearOf)) !== String(draw(8, 3).map(yearOf)));
});

Deno.test("no year is in two splits, and no date twice", () => {
  const all = splits.map((split) => dateTexts({ split, examples: 5000, seed: 1 }));
  const years = all.map((texts) => new Set(texts.map(yearOf)));
  splits.forEach((split, i) => {
    assertEquals(new Set(all[i].map(({ prompt }) => prompt)).size, 5000);
    assert([...years[i]].every((year) => splitOf(year) === split));
    for (const others of years.slice(i + 1)) assertEquals(years[i].intersection(others).size, 0);
  });
});

Deno.test("completions are the dates of the prompts, as the language's own formatter has them", () => {
  const words = new Intl.DateTimeFormat("en-GB", { dateStyle: "long", timeZone: "UTC" });
  const texts = dateTexts({ split: "train", examples: 2000, seed: 2 });
  for (const { prompt, completion } of texts) {
    assertEquals(completion, ` ${words.format(new Date(prompt.slice(0, -1)))}`);
  }
  const seen = texts.map(({ prompt }) => prompt.slice(5, 10));
  for (const part of ["01-", "12-", "-01", "-31"]) assert(seen.some((day) => day.includes(part)));
});

Deno.test("a number of dates that cannot be drawn is named", () => {
  for (const examples of [0, 1.5, 10_001, NaN]) {
    const draw = () => dateTexts({ split: "test", examples, seed: 1 });
    assertThrows(draw, RangeError, `from 1 to 10000, found ${examples}`);
  }
});

Deno.test("25 steps halve the small base's loss on dates of years that it never saw", async () => {
  const tokenizer = await loadTokenizer(folder);
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, folder);
  const batchesOf = (split: "train" | "validation", examples: number) =>
    promptedBatches(tokenizer, dateTexts({ split, examples, seed: 1 }), { batch: 16, seed: 1 });
  const unseen = batchesOf("validation", 32);
  const before = await evaluate(model, unseen);
  using adapter = injectLora(model, { rank: 8, alpha: 16, sites: "all", seed: 1 });
  const recipe = { learningRate: 1e-2, warmupSteps: 10, clipNorm: 1, steps: 25 };
  await Array.fromAsync(train(adapter, batchesOf("train", 400), recipe));
  const after = await evaluate(model, unseen);
  assert(after.loss < before.loss / 2, `${before.loss} to ${after.loss}`);
});
