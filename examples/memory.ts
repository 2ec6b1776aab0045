/** The memory of training a model that this machine cannot hold, counted without allocating it. */

import { injectLora } from "@lowrank/core";
import { catalog } from "@lowrank/core/architectures";
import { type PredictionOptions, predictMemory } from "@lowrank/core/runs";

const [name = "gpt3-175b"] = Deno.args;
const step = { batch: 1, length: 2048 };

const adapt: PredictionOptions["adapt"] = (model) => void injectLora(model, { rank: 4 });
const full = predictMemory(catalog[name].config, step);
const lora = predictMemory(catalog[name].config, { ...step, adapt });

const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
console.log(`${name}, a step on ${step.batch} x ${step.length} tokens in F32 with AdamW`);
for (const role of ["weight", "adapter", "gradient", "optimizer", "activation"] as const) {
  console.log(role, gigabytes(full.peakByRole[role]), gigabytes(lora.peakByRole[role]));
}
console.log("all", gigabytes(full.peak), gigabytes(lora.peak));
console.log(`LoRA needs ${(full.peak / lora.peak).toFixed(2)} times less`);
