/**
 * Cost of reading an adapter's spectrum while it trains: `deno task bench:spectra [rank]`.
 *
 * LoRA on q and v of the small base, as in the rank study (r = 8 unless said), in turns of 20 steps with
 * a reading and without. Prints the least and median turn of each and the ratios; at most 1.03 is wanted.
 */

import { injectLora } from "../src/adapt/mod.ts";
import { openDevice } from "../src/device/mod.ts";
import { loadBase } from "../experiments/base_model.ts";
import { glossData, openGloss } from "../experiments/gloss_runs.ts";
import { LiveSpectra } from "../src/inspect/live_spectra.ts";
import { median } from "../src/core/numbers.ts";
import { runTrainer, Trainer } from "../src/train/mod.ts";

const every = 20, turns = 60, rank = Number(Deno.args[0] ?? 8);

using device = await openDevice();
using model = await loadBase(device);
using _adapter = injectLora(model, { rank, alpha: 16, sites: ["q", "v"], seed: 1 });
using trainer = new Trainer(model, { learningRate: 1e-3, steps: every * (turns + 1), clipNorm: 1 });
const live = new LiveSpectra(model, 0),
  batches = await openGloss(glossData("noun", false), "train", 1);
const times: { readonly watched: number[]; readonly alone: number[] } = { watched: [], alone: [] };

let started = performance.now();
for await (const { step } of runTrainer(trainer, batches)) {
  const turn = Math.floor(step / every), first = step % every === 0;
  // At the turn's first step, so that what it costs falls within the turn; turn 0 warms up.
  if (first && turn % 2 === 1) live.observe(trainer.steps);
  if (step % every !== every - 1) continue;
  const now = performance.now();
  if (turn > 0) times[turn % 2 === 1 ? "watched" : "alone"].push(now - started);
  started = now;
}

console.log(`${device.description}, r = ${rank}, turns of ${every} steps (ms)`);
for (const [name, own] of Object.entries(times)) {
  console.log(
    `${name.padEnd(8)} least ${Math.min(...own).toFixed(0)}, median ${median(own).toFixed(0)}`,
  );
}
const ratioOf = (value: (own: number[]) => number) =>
  (value(times.watched) / value(times.alone)).toFixed(3);
console.log(`ratio    least ${ratioOf((own) => Math.min(...own))}, median ${ratioOf(median)}`);
