/** Put an adapter that defines words on a model, merge it, take it out again, and switch to another. */

import { complete, loadAdapter, loadModel, loadTokenizer } from "@lowrank/core";
import { merge, openDevice, saveModel, swap, unmerge } from "@lowrank/core";

const first = "models/rank-study/qv-r8-seed1", second = "models/rank-study/qv-r8-seed2";

using device = await openDevice();
using model = await loadModel(device, "models/tiny-gpt2");
const tokenizer = await loadTokenizer("models/tiny-gpt2");
const say = async (what: string, who = model) =>
  console.log(`${what}:`, await complete(who, tokenizer, "oak (plant):", { maxNewTokens: 8 }));

await say("the base");
using adapter = await loadAdapter(model, first);
await say("with an adapter");

using merged = merge(model, adapter); // a new model, as fast as the base
await say("merged", merged);
await saveModel(merged, "out/merged");

using other = await loadAdapter(model, second, { onTop: true });
swap(merged, adapter, other); // the same memory, another task
await say("switched", merged);

adapter.remove();
other.remove();
console.log("unmerged is the base:", unmerge(merged) === model);
await say("the base again");
