/** The paper's own adapter of RoBERTa for MNLI: does one sentence follow from another one? */

import { loadAdapter, loadModel, loadTokenizer, openDevice } from "@lowrank/core";
import { readAdapter } from "@lowrank/core/formats";
import { describeUpdate } from "@lowrank/core/inspect";
import { outputsOf } from "@lowrank/core/models";

// The authors publish it as roberta_base_lora_mnli.bin in the releases of microsoft/LoRA. Give its PEFT
// folder (`lowrank convert` makes one), then the base: hf:FacebookAI/roberta-base, or a folder.
const [adapterFolder, base] = Deno.args;
if (adapterFolder === undefined) {
  console.log("give the adapter's folder, and then a base to run it: hf:FacebookAI/roberta-base");
  Deno.exit();
}

// The adapter alone: of the directions of B A, a few do most of the work.
const { updates } = await readAdapter(adapterFolder, { updatesOnly: true });
for (const update of updates) {
  const { name, rank, singularValues: [first, second], stableRank } = describeUpdate(update);
  const values = `${first.toFixed(2)}, then ${second.toFixed(2)}`;
  console.log(`${name}: ${values}; stable rank ${stableRank.toFixed(2)} of ${rank}`);
}
if (base === undefined) Deno.exit();

// With its base: the adapter brings the head, with GLUE's order of labels.
const labels = ["it follows", "it may or may not be so", "it contradicts"];
using device = await openDevice();
using model = await loadModel(device, base, { labels });
using _ = await loadAdapter(model, adapterFolder);
const { encode, specialTokens } = await loadTokenizer(base);
const [start, end] = ["<s>", "</s>"].map((token) => specialTokens.get(token)!);

const premise = "A man is playing a guitar on the street.";
for (const claim of ["A man makes music.", "The man is famous.", "The man is asleep."]) {
  const ids = [start, ...encode(premise), end, end, ...encode(claim), end];
  const tokens = { shape: [1, ids.length], data: Uint32Array.from(ids) };
  const { data } = await outputsOf(model, { tokens });
  console.log(`${claim} ${labels[data.indexOf(Math.max(...data))]}`);
}
