/**
 * Time until a user's first number: `ours_first.ts VARIANT loss|token`, in a fresh process.
 *
 * The loss of the tiny GPT after one training step, or the first token of the base in `models/`. Prints one
 * line of JSON: ms to open the device, to make or load the model, and to the first number.
 */

import { generate, loadModel } from "../../src/models/mod.ts";
import { openVariant, training } from "./ours_models.ts";

async function firstLoss(device: Awaited<ReturnType<typeof openVariant>>) {
  const { step, wait } = training(device, "gpt_full"), loadMs = performance.now();
  await step();
  await wait();
  return loadMs;
}

async function firstToken(device: Awaited<ReturnType<typeof openVariant>>) {
  const model = await loadModel(device, "models/tiny-gpt2"), loadMs = performance.now();
  for await (const _ of generate(model, [1, 2, 3], { maxNewTokens: 1 }));
  return loadMs;
}

const [variant, what] = Deno.args, start = performance.now();
const device = await openVariant(variant), opened = performance.now();
const loaded = await (what === "loss" ? firstLoss : firstToken)(device);
const [openMs, loadMs] = [opened - start, loaded - opened];
console.log(JSON.stringify({ openMs, loadMs, firstMs: performance.now() - loaded }));
Deno.exit(0);
