/** Runs that insert invented facts into the small base: three tokens, and a fourth that follows. @module */

import { Tape } from "../../autograd/mod.ts";
import { Random } from "../../core/random.ts";
import type { Device } from "../../device/device.ts";
import type { TextModel } from "../../models/mod.ts";
import { run, type RunSpec } from "../../runs/mod.ts";
import type { Batch } from "../../train/mod.ts";
import { baseIdentity, loadBase } from "../base_model.ts";
import type { PlannedRun } from "../planned_runs.ts";

/** A student of facts. */
export interface FactRun {
  /** Number of facts. */
  readonly facts: number;
  /** Of the update of the last MLP's output projection. */
  readonly rank: number;
  /** Seed of facts, batches and A. */
  readonly seed: number;
}

/** The place nearest to a linear memory: its outputs are added to what the head reads. */
const site = "transformer.h.1.mlp.c_proj";

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-1, longRun = 150;

const keyLength = 3, batchSize = 32;

/** One run. */
export function planFacts(chosen: FactRun, quick: boolean): PlannedRun {
  const { facts, rank, seed } = chosen, steps = quick ? 5 : longRun;
  return {
    label: `${facts} facts, r = ${rank}, seed ${seed}`,
    steps,
    spec: (device) => specOf(chosen, steps, device),
    make: async ({ onStep, ...context }) =>
      await run(await specOf(chosen, steps, context.device), {
        ...context,
        openModel: (_, device) => loadBase(device),
        openBatches: () => (index) => batchOf(chosen, sample(facts, new Random(seed).split(index))),
        measure: async (model) => ({ recall: await recallOf(model, chosen) }),
        onProgress: ({ step }) => onStep?.(step),
      }),
  };
}

async function specOf({ facts, rank, seed }: FactRun, steps: number, device: Device) {
  const spec: RunSpec = {
    model: await baseIdentity(),
    method: { kind: "lora", rank, alpha: rank, sites: [site] },
    data: { kind: "facts", facts, keyLength, batchSize },
    training: { learningRate, steps, schedule: "cosine" },
    seed,
    device: device.kind,
  };
  return spec;
}

/** Which facts are in a batch: all where they fit, else random ones. */
function sample(facts: number, random: Random): Uint32Array {
  return random.permutation(facts).subarray(0, batchSize);
}

/** Only the token after the key counts. */
function batchOf(chosen: FactRun, chosenFacts: Uint32Array): Batch {
  const tokens = factTokens(chosen), shape = [chosenFacts.length, keyLength];
  const keys = new Uint32Array(chosenFacts.length * keyLength);
  const targets = new Int32Array(keys.length).fill(-100);
  chosenFacts.forEach((fact, row) => {
    const own = tokens.subarray(fact * (keyLength + 1), (fact + 1) * (keyLength + 1));
    keys.set(own.subarray(0, keyLength), row * keyLength);
    targets[(row + 1) * keyLength - 1] = own[keyLength];
  });
  return { inputs: { tokens: { shape, data: keys } }, targets: { shape, data: targets } };
}

/** All tokens but the last, which ends a text. */
const words = 1023;

function factTokens({ facts, seed }: FactRun): Uint32Array {
  const random = new Random(seed);
  return Uint32Array.from({ length: facts * (keyLength + 1) }, () => random.integer(words));
}

/** The share of facts whose token gets the largest logit. */
async function recallOf(model: TextModel, chosen: FactRun): Promise<number> {
  const all = Uint32Array.from({ length: chosen.facts }, (_, fact) => fact);
  const { inputs, targets } = batchOf(chosen, all);
  const rows = [...all].map((fact) => (fact + 1) * keyLength - 1);
  using tape = new Tape(model.device, { record: false });
  const [{ shape: [, vocabulary], data }] = await model.device.read(
    model.forward(tape, inputs, { rows }),
  );
  const right = rows.filter((row, fact) => {
    const logits = data.subarray(fact * vocabulary, (fact + 1) * vocabulary);
    return logits.indexOf(Math.max(...logits)) === targets.data[row];
  });
  return right.length / chosen.facts;
}
