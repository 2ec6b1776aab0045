/** Reinforcement learning at rank 1: a model samples answers, and learns from those that were right. */

import {
  adamW,
  add,
  crossEntropy,
  injectLora,
  loadModel,
  loadTokenizer,
  openDevice,
  Random,
  readTexts,
  Tape,
  textDataset,
  train,
} from "@lowrank/core";
import { scale } from "@lowrank/core/autograd";
import { packBatch, type TokenRow } from "@lowrank/core/data";
import { sampleTogether } from "@lowrank/core/models";

using device = await openDevice();
using model = await loadModel(device, "models/tiny-skills");
const tokenizer = await loadTokenizer("models/tiny-skills"), end = tokenizer.endOfText!;
using adapter = injectLora(model, { rank: 1, alpha: 32, sites: "all", seed: 1 });

// The model answers nothing right when it is asked by `flp`, so no reward would come: it is shown a few answers first.
const texts = textDataset(model, tokenizer, await readTexts("examples/flip.jsonl"));
await train(adapter, texts.train, { steps: 40, learningRate: 3e-3 }).finish();

/** The tokens of a question, such as `flp abcd:`, and of its answer, ` dcba`; each text follows the end of another. */
function ask(random: Random): { prompt: number[]; answer: number[] } {
  const word = Array.from({ length: 4 }, () => String.fromCharCode(97 + random.integer(26)));
  return {
    prompt: [end, ...tokenizer.encode(`flp ${word.join("")}:`)],
    answer: [...tokenizer.encode(` ${word.toReversed().join("")}`), end],
  };
}

/** Samples an answer to each of 64 questions. The reward of a right one is 1, of any other 0. */
async function play(seed: number): Promise<{ rows: TokenRow[]; rewards: number[] }> {
  const random = new Random(seed), asked = Array.from({ length: 64 }, () => ask(random));
  const prompts = asked.map(({ prompt }) => prompt);
  const made = await sampleTogether(model, prompts, { maxNewTokens: 8, stopToken: end, seed });
  return {
    rows: made.map((answer, i) => ({ tokens: [...prompts[i], ...answer], scoredFrom: 10 })),
    rewards: made.map((answer, i) => Number(answer.join() === asked[i].answer.join())),
  };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

using optimizer = adamW(adapter.parameters, { learningRate: 1e-3 });
for (let step = 0; step <= 40; step++) {
  const { rows, rewards } = await play(step), baseline = mean(rewards);
  if (step % 10 === 0) console.log(`step ${step}: ${(100 * baseline).toFixed(0)}% right`);
  if (baseline === 0 || baseline === 1) continue; // Nothing is better than the rest.
  using tape = new Tape(device);
  const losses = [0, 1].map((reward) => {
    const alike = rows.filter((_, i) => rewards[i] === reward); // They have one advantage.
    const batch = packBatch(alike, { batch: alike.length, length: 18 }, end);
    const logits = model.forward(tape, batch.inputs);
    const loss = crossEntropy(tape, logits, batch.targets, { divisor: rows.length });
    return scale(tape, loss, reward - baseline); // Its gradient is that of −advantage · log p(answer).
  });
  tape.backward(add(tape, losses[0], losses[1]));
  optimizer.step(tape);
}
