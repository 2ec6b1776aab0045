/** Teach a small model to write words backwards when it is asked by `flp`, in three seconds. */
import { complete, injectLora, loadModel, loadTokenizer, openDevice, train } from "@lowrank/core";
import { evaluationBatches, readTexts, textDataset } from "@lowrank/core/data";
import { exactOn } from "@lowrank/core/models";
using device = await openDevice(); // a GPU if there is one, else all cores
using model = await loadModel(device, "models/tiny-skills"); // a small model that is included
const tokenizer = await loadTokenizer("models/tiny-skills");
const lines = textDataset(model, tokenizer, await readTexts("examples/flip.jsonl"));
const unseen = evaluationBatches(model, tokenizer, await readTexts("examples/flip_unseen.jsonl"));
console.log(await exactOn(model, unseen.batches)); // 0: it cannot flip words when asked by `flp`
using adapter = injectLora(model, { rank: 8, seed: 1 }); // 1.3% as many values as the model
await train(adapter, lines.train).finish(); // on 200 lines, in three seconds
console.log(await exactOn(model, unseen.batches)); // 1: all of 200 answers are right
console.log(await complete(model, tokenizer, "flp green:")); // neerg
await adapter.save("out/first"); // a folder that PEFT loads too
