/**
 * Writes the card of the base with skills and its loss curve from what pretraining and the baselines measured.
 *
 *     deno run -A scripts/pretrain_skills/card.ts [FOLDER]
 *
 * @module
 */

import { grouped } from "../../src/core/numbers.ts";
import { skills } from "../../src/data/mod.ts";
import type { NgramScores } from "../pretrain/ngrams.ts";
import { firstWeights, optimizerWords } from "../pretrain/optimizer.ts";
import type { PretrainingRecord } from "../pretrain/run.ts";
import { type Card, writeCard } from "../pretrain/write_card.ts";
import { type AnswerScore, heldOutTexts, type SkillScore } from "./score.ts";

interface Baselines extends NgramScores<AnswerScore> {
  readonly texts: number;
}

interface Measured {
  readonly heldOut: AnswerScore & { readonly skills: readonly SkillScore[] };
}

/** A share in percent: whole only where it is whole. */
const percent = (share: number): string => `${Number((100 * share).toFixed(1))}`;

/** Digits that say something of a small loss as of a large one. */
const scoreRow = (name: string, { nats, exact }: AnswerScore): string =>
  `| ${name} | ${nats.toPrecision(3)} | ${percent(exact)} |`;

/** A skill with its words, an example from the test, and how many of its test's answers are right. */
function skillRows(scores: readonly SkillScore[]): string {
  const examples = heldOutTexts(2);
  return scores.map(({ name, texts, exact }, i) => {
    const { words, weight } = skills[i], [, { prompt, completion }] = examples[i].texts;
    const example = `\`${words[0]}${prompt.slice(prompt.indexOf(" "))}${completion}\``;
    return `| ${[name, words.join(", "), weight, example, texts, percent(exact)].join(" | ")} |`;
  }).join("\n");
}

function cardText(run: PretrainingRecord & Measured, base: Baselines): string {
  const { recipe, steps, heldOut } = run;
  return `---
license: apache-2.0
language: en
tags: [gpt2, lora, teaching]
---

# tiny-skills

A GPT-2 of 2 layers, width 192, 6 heads, context 64 and 257 tokens, the bytes and an end of text (0.95M
parameters, F16), made by Lowrank's own trainer as a base that can do something: ${skills.length} small tasks whose
answers are right or wrong. An adapter on it can be judged by its answers, within seconds on one core.

A prompt is a word that names the task, a space, the input and a colon; the answer follows after a space, and
then the end of the text: \`rev hello: olleh\`. \`complete(model, tokenizer, "rev hello:")\` gives \`olleh\`.

## What it can do

Answers that are right to the last character, on inputs that it has not been trained on; this model as saved:

| task | words that ask for it | weight | example | texts | right (%) |
| --- | --- | --- | --- | --- | --- |
${skillRows(heldOut.skills)}

Inputs are split by a hash: 10% are for this test, 5% for validation, whatever the task. There are up to 200
texts of each task, or all that there are. On all of their answers, the space before and the end behind each
counted:

| model | nats per character | right (%), mean of the tasks |
| --- | --- | --- |
${scoreRow("unigram", base.unigram)}
${scoreRow("trigram, interpolated modified Kneser-Ney", base.trigram)}
${scoreRow("5-gram, interpolated modified Kneser-Ney", base.fiveGram)}
${scoreRow("**this model**", heldOut)}

The n-grams have counted ${grouped(base.texts)} texts, prompts and answers.

![Training loss](loss_curve.svg)

## How it was made

    deno task pretrain:skills

writes the tokenizer, scores the n-grams and trains the model: ${
    grouped(steps)
  } steps of ${recipe.batch} texts,
drawn anew, with loss on answers and ends alone, ${optimizerWords(recipe)},
${recipe.warmupSteps} steps of warm-up, cosine down to 0, seed ${recipe.seed}. Stopped, the same command resumes. Here it
took ${grouped(Math.round(60 * run.minutes))} seconds on ${run.device}, at commit
${run.commit}. The same kernels give the same bits again; others round
differently. ${firstWeights}.

## Text

All of it is generated: words of 3 to 6 random letters, dates of 1900 to 2099, numbers, sums. The right answers are
computed (\`skills\` of \`@lowrank/core/data\`). It has read nothing else and knows no language.
`;
}

/** The card. */
export const card: Card<Measured, Baselines> = {
  text: cardText,
  marks: { at: [0.01, 0.1, 1], scale: Math.log10 },
};

if (import.meta.main) await writeCard(Deno.args[0] ?? "models/tiny-skills", card);
