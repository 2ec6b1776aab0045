/** Train at several learning rates at once, each as if it were alone, and keep the best adapter. */

import { injectLora, loadModel, loadTokenizer, openDevice } from "@lowrank/core";
import { readTexts, textDataset } from "@lowrank/core/data";
import { shareBase, trainTogether } from "@lowrank/core/runs";

const [file = "examples/pairs.jsonl", steps = "20"] = Deno.args, rates = [1e-3, 4e-3, 1.6e-2];

using device = await openDevice();
using model = await loadModel(device, "models/tiny-gpt2");
const tokenizer = await loadTokenizer("models/tiny-gpt2");
const data = textDataset(model, tokenizer, await readTexts(file), { validation: 0.2 });

using owner = new DisposableStack();
const trainings = trainTogether(rates.map((learningRate) => {
  const adapter = owner.use(injectLora(shareBase(model), { rank: 4, seed: 1 }));
  const { train: batches, validation } = data;
  return { adapter, batches, validation, learningRate, steps: Number(steps) };
}));
for await (const { run, step, loss } of trainings) {
  if (step % 10 === 0) console.log(`rate ${rates[run]}, step ${step}: loss ${loss.toFixed(3)}`);
}
const losses = trainings.runs.map(({ history, error }) =>
  error ? Infinity : Math.min(...history.heldOut.map(({ loss }) => loss))
);
const best = losses.indexOf(Math.min(...losses));
console.log(`held out: ${losses.map((loss) => loss.toFixed(3)).join(", ")}; best ${rates[best]}`);
await trainings.runs[best].adapter.save("out/best");
