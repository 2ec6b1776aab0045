/** E2E and its base, and which of its meanings are trained on, chosen by and reported. @module */

import { join } from "node:path";
import { fileDigest, fileDigests } from "../../../src/storage/digest.ts";
import { lazily } from "../../../src/core/numbers.ts";
import type { PromptFormat } from "../../../src/core/batch.ts";
import { Random } from "../../../src/core/random.ts";
import { kindOf } from "../../../src/storage/storage.ts";
import {
  bucketBatches,
  e2eData,
  type E2eMeaning,
  type PromptedBatches,
  promptedBatches,
  type PromptedText,
} from "../../../src/data/mod.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import { loadTokenizer, type Tokenizer } from "../../../src/tokenizer/mod.ts";
import type { Batch } from "../../../src/train/mod.ts";

/** Places of the base and the dataset in the folder that `LOWRANK_DATA` names. */
export const basePath = "models/SmolLM2-135M-Instruct", archivePath = "nlg/e2e-dataset.zip";

/** Numbers of meanings and of tokens. */
export interface E2eSizes {
  /** Meanings of the validation set, and as many of the test set. */
  readonly meanings: number;
  /** Most tokens of an answer. */
  readonly newTokens: number;
}

/** Sizes of the study. */
export const e2eSizes: E2eSizes = { meanings: 48, newTokens: 64 };

/** Pairs in a step, and the most tokens of one. */
export const pairs = 4, longestPair = 128;

/** The sign behind a meaning is that of the authors' files. */
export const format: PromptFormat = {
  template: "{prompt} ||",
  endOfTextFirst: true,
  separator: " ",
};

/** Chooses the meanings, the same for every run. */
export const splitSeed = 2021;

/** Part of the data that a run is measured on. */
export type E2ePart = "validation" | "test";

/** The study's data, each read once, when first asked for. */
export interface E2eTask {
  /** Folder of the base. */
  readonly base: string;
  /** Its sizes. */
  readonly sizes: E2eSizes;
  /** Digests of the files, for specifications. */
  digests(): Promise<JsonRecord>;
  /** The base's tokenizer. */
  tokenizer(): Promise<Tokenizer>;
  /** Drawn meanings with their references. */
  meanings(part: E2ePart): Promise<readonly E2eMeaning[]>;
  /** Pairs to train on, none twice, as many as so many steps take. */
  training(seed: number, steps: number): Promise<Iterable<Batch>>;
  /** The first reference of each meaning. */
  measured(part: E2ePart): Promise<Iterable<Batch>>;
}

/** The folder that `LOWRANK_DATA` names, if it has the base and the dataset. */
export async function findE2e(): Promise<string | undefined> {
  const data = Deno.env.get("LOWRANK_DATA");
  if (!data) return undefined;
  const needed = [
    archivePath,
    ...["model.safetensors", "config.json", "tokenizer.json"]
      .map((name) => `${basePath}/${name}`),
  ];
  const kinds = await Promise.all(needed.map((file) => kindOf(join(data, file))));
  return kinds.every((kind) => kind === "file") ? data : undefined;
}

/** Opens the dataset in a folder, and the base at a path of it. */
export function openE2e(data: string, sizes: E2eSizes, path: string = basePath): E2eTask {
  const base = join(data, path), archive = join(data, archivePath);
  const digests = lazily(async () => ({
    ...await fileDigests(base, /^(model\.safetensors|config\.json|tokenizer\.json)$/),
    e2e: await fileDigest(archive),
  }));
  const tokenizer = lazily(() => loadTokenizer(base));
  const pairsOf = lazily(async () => (await e2eData("train", archive)).flatMap(textsOf));
  const drawn = {
    validation: lazily(() => drawMeanings("validation", archive, sizes)),
    test: lazily(() => drawMeanings("test", archive, sizes)),
  };
  const meanings = (part: E2ePart) => drawn[part]();
  return {
    ...{ base, sizes, digests, tokenizer, meanings },
    async training(seed, steps) {
      const sampling = { batch: pairs, length: longestPair, examples: pairs * steps, seed, format };
      return bucketed(promptedBatches(await tokenizer(), await pairsOf(), sampling), seed);
    },
    async measured(part) {
      const texts = (await meanings(part)).map((meaning) => textsOf(meaning)[0]);
      return bucketed(promptedBatches(await tokenizer(), texts, { batch: 8, format }), 0);
    },
  };
}

/** Rows of similar length together, of the whole pass. */
const bucketed = (batches: PromptedBatches, seed: number): Iterable<Batch> =>
  bucketBatches(batches, Infinity, seed);

const textsOf = ({ meaning: prompt, references }: E2eMeaning): PromptedText[] =>
  references.map((completion) => ({ prompt, completion }));

async function drawMeanings(
  part: E2ePart,
  archive: string,
  { meanings }: E2eSizes,
): Promise<E2eMeaning[]> {
  const all = await e2eData(part, archive);
  const order = new Random(splitSeed).permutation(all.length).subarray(0, meanings);
  return Array.from(order, (at) => all[at]);
}
