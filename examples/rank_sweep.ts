/** Train at several ranks and draw what each reaches. */

import { injectLora, loadModel, loadTokenizer, openDevice, train } from "@lowrank/core";
import { readTexts, textDataset } from "@lowrank/core/data";
import { type LossHistory, plot, staticSvg } from "@lowrank/core/figures";

const [file = "examples/pairs.jsonl", steps = "20"] = Deno.args, ranks = [1, 2, 4, 8];

using device = await openDevice();
using model = await loadModel(device, "models/tiny-gpt2");
const tokenizer = await loadTokenizer("models/tiny-gpt2");
const data = textDataset(model, tokenizer, await readTexts(file), { validation: 0 });

const histories: Record<string, LossHistory> = {};
for (const rank of ranks) {
  using adapter = injectLora(model, { rank, seed: 1 }); // leaves the model at the end of the turn
  const training = train(adapter, data.train, { steps: Number(steps), learningRate: 5e-3 });
  const history = histories[`r = ${rank}`] = await training.finish();
  const loss = history.loss.at(-1)!.toFixed(3);
  console.log(`rank ${rank}: ${adapter.parameterCount} values, loss ${loss}`);
}
const figure = plot(histories, { title: "Training loss by rank", caption: `${file}, seed 1` });
await Deno.mkdir("out", { recursive: true });
await Deno.writeTextFile("out/ranks.svg", await staticSvg(figure));
