/** Train on your own text, with some of it held out, and let the model answer. */

import { complete, injectLora, loadModel, loadTokenizer, openDevice, train } from "@lowrank/core";
import { readTexts, textDataset } from "@lowrank/core/data";

const [file = "examples/pairs.jsonl", prompt = "boat:"] = Deno.args;

using device = await openDevice();
using model = await loadModel(device, "models/tiny-gpt2");
const tokenizer = await loadTokenizer("models/tiny-gpt2");
const data = textDataset(model, tokenizer, await readTexts(file), { validation: 0.2 });
console.log(data.notes.join("\n"));

using adapter = injectLora(model, { rank: 8 });
const training = train(adapter, data.train, {
  steps: 60,
  learningRate: 5e-3,
  validation: data.validation,
  validateEvery: 10,
});
console.log(training.description);
for await (const { step, loss, heldOut } of training) {
  if (heldOut) {
    console.log(`step ${step + 1}: loss ${loss.toFixed(2)}, held out ${heldOut.loss.toFixed(2)}`);
  }
}
console.log(prompt, await complete(model, tokenizer, prompt, { maxNewTokens: 16 }));
await adapter.save("out/own_text");
