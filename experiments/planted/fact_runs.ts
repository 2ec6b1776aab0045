/** Runs that insert invented facts into the small base: three tokens, and a fourth that follows. @module */

import { Random } from "../../src/core/random.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { factBatch, factKeyLength as keyLength } from "../../src/data/mod.ts";
import { baseIdentity, loadBase } from "../base_model.ts";
import { type PlannedRun, planRun } from "../frame/mod.ts";
import { accuracyOf, outputsOf } from "../../src/models/mod.ts";

/** A student of facts. */
export interface FactRun {
  readonly facts: number; // number of facts
  readonly rank: number; // of the update of the last MLP's output projection
  readonly seed: number; // seed of facts, batches and A
}

/** The place nearest to a linear memory: its outputs are added to what the head reads. */
const site = "transformer.h.1.mlp.c_proj";

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-1, longRun = 150;

const batchSize = 32;

/** All tokens but the last, which ends a text. */
const words = 1023;

/** One run. */
export function planFacts(chosen: FactRun, quick: boolean): PlannedRun<FactRun> {
  const { facts, rank, seed } = chosen, steps = quick ? 5 : longRun;
  return planRun({
    ...{ label: `${facts} facts, r = ${rank}, seed ${seed}`, steps, chosen },
    spec: async ({ kind: device }) => ({
      model: await baseIdentity(),
      method: { kind: "lora", rank, alpha: rank, sites: [site] },
      data: { kind: "facts", facts, keyLength, batchSize },
      training: { learningRate, steps, schedule: "cosine" },
      ...{ seed, device },
    }),
    open: (device) => ({
      openModel: () => loadBase(device),
      openBatches: () => (index) =>
        factBatch(chosen, words, sample(facts, new Random(seed).split(index))),
      measure: async (model) => ({ recall: await recallOf(model, chosen) }),
    }),
  });
}

/** Which facts are in a batch: all where they fit, else random ones. */
function sample(facts: number, random: Random): Uint32Array {
  return random.permutation(facts).subarray(0, batchSize);
}

/** The share of facts whose token gets the largest logit. */
async function recallOf(model: TextModel, chosen: FactRun): Promise<number> {
  const all = Array.from({ length: chosen.facts }, (_, fact) => fact);
  const { inputs, targets } = factBatch(chosen, words, all);
  const rows = all.map((fact) => (fact + 1) * keyLength - 1);
  const logits = await outputsOf(model, inputs, { rows });
  return accuracyOf(logits, rows.map((row) => targets.data[row]));
}
