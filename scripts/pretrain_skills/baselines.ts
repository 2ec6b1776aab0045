/**
 * Scores Kneser-Ney n-grams on the answers of the test: the marks that our base with skills has to beat.
 *
 *     deno run -A scripts/pretrain_skills/baselines.ts [FOLDER]
 *
 * @module
 */

import { writeJsonAtomic } from "../../src/storage/files.ts";
import { mean } from "../../src/core/numbers.ts";
import { skillBatches, skills, type TokenRow } from "../../src/data/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import type { KneserNey } from "../pretrain/kneser_ney.ts";
import { ngramScores } from "../pretrain/ngrams.ts";
import { type AnswerScore, heldOutRows } from "./score.ts";

/** Texts that are counted: as many as pretraining reads. */
const texts = 288_000;

/** Texts to train on, each with its end. */
function* documentsOf(batches: ReturnType<typeof skillBatches>, endOfText: number) {
  for (let index = 0; index < texts; index++) {
    const { inputs: { tokens }, targets } = batches(index);
    const end = targets.data.lastIndexOf(endOfText);
    yield Uint32Array.from([...tokens.data.subarray(1, end + 1), endOfText]);
  }
}

/** A character of an answer, by its probability and by whether it is the most likely one. */
function scoreRow(
  model: KneserNey,
  characters: readonly number[],
  { tokens, scoredFrom }: TokenRow,
) {
  const row = Array.from(tokens);
  return row.slice(scoredFrom).map((token, i) => {
    const context = row.slice(0, scoredFrom + i), own = model.probability(context, token);
    const isFirst = characters.every((other) => model.probability(context, other) <= own);
    return { nats: -Math.log(own), isFirst };
  });
}

/** Scores a model on the texts of each skill. */
function answerScore(
  model: KneserNey,
  characters: readonly number[],
  rows: readonly (readonly TokenRow[])[],
): AnswerScore {
  const scored = rows.map((own) => own.map((row) => scoreRow(model, characters, row)));
  const isRight = (answer: readonly { isFirst: boolean }[]) =>
    Number(answer.every(({ isFirst }) => isFirst));
  return {
    nats: mean(scored.flat(2).map(({ nats }) => nats)),
    exact: mean(scored.map((own) => mean(own.map(isRight)))),
  };
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-skills";
  const tokenizer = await loadTokenizer(folder), { vocabularySize } = tokenizer;
  const endOfText = tokenizer.endOfText!, rows = heldOutRows(tokenizer);
  const batches = skillBatches(tokenizer, skills, { batch: 1, seed: 1 });
  const documents = [...documentsOf(batches, endOfText)], seen = new Set<number>();
  for (const document of documents) for (const token of document) seen.add(token);
  const scores = ngramScores(
    documents,
    { vocabularySize, endOfText },
    (model) => answerScore(model, [...seen], rows),
  );
  const result = { texts, ...scores };
  await writeJsonAtomic(`${folder}/baselines.json`, result);
  console.log(result);
}
