/** What merging promises, measured on two trained adapters. @module */

import { loadAdapter, merge, mergeReport, swap, unmerge } from "../../src/adapt/mod.ts";
import { type Model, type ModelInputs, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { countChangedBits, largestDifference, largestOf } from "../../src/core/numbers.ts";
import { type GlossData, glossLoss } from "../gloss_runs.ts";
import { timeForward } from "../../src/inspect/mod.ts";

/** Two adapters of one base, and how to judge the second. */
export interface MergingInput {
  readonly model: TextModel; // the base that adapters go on, without any
  readonly base: TextModel; // the same base again, which stays as it is
  readonly folderA: string; // PEFT folder of task A
  readonly folderB: string; // PEFT folder of task B
  readonly dataB: GlossData; // task B
  readonly inputs: ModelInputs; // what outputs are compared and timed on
  readonly rounds: number; // rounds of timing
}

/** Measures everything; the base is as it was at the end. */
export async function measureMerging(input: MergingInput) {
  const { model, inputs } = input, before = await valuesOf(model, inputs);
  const exactness = await measureA(input), switching = await measureSwitch(input);
  const after = await valuesOf(model, inputs);
  const changed = before.map((values, i) => countChangedBits(values, after[i]));
  return { ...exactness, ...switching, changedBits: changed.reduce((sum, n) => sum + n) };
}

/** Adapter A: merged against unmerged, and what each costs. */
async function measureA({ model, base, folderA, inputs, rounds }: MergingInput) {
  using adapter = await loadAdapter(model, folderA);
  const unmerged = await logitsOf(model, inputs);
  const merged = merge(model, adapter);
  try {
    const mergeError = largestDifference(unmerged, await logitsOf(merged, inputs));
    const { extraBytes } = await mergeReport(model, adapter);
    const timings = await timeForward({ base, unmerged: model, merged }, inputs, rounds);
    return { largestLogit: largestOf(unmerged), mergeError, extraBytes, timings };
  } finally {
    unmerge(merged);
  }
}

/** From task A to task B by subtracting one BA and adding the other, beside a fresh merge of B. */
async function measureSwitch({ model, folderA, folderB, dataB, inputs }: MergingInput) {
  const base = await glossLoss(model, dataB);
  using a = await loadAdapter(model, folderA);
  a.remove();
  using b = await loadAdapter(model, folderB);
  const unmerged = await glossLoss(model, dataB);
  using switched = merge(model, a);
  swap(switched, a, b);
  using fresh = merge(model, b);
  const [ours, theirs] = [await logitsOf(switched, inputs), await logitsOf(fresh, inputs)];
  const lossOnB = { base, unmerged, switched: await glossLoss(switched, dataB) };
  return { switchError: largestDifference(ours, theirs), lossOnB };
}

/** All weights and the logits of the test tokens. */
async function valuesOf(model: TextModel, inputs: ModelInputs): Promise<Float32Array[]> {
  const weights = await model.device.read(...[...model.parameters.values()].map((p) => p.tensor));
  return [...weights.map(({ data }) => Float32Array.from(data)), await logitsOf(model, inputs)];
}

async function logitsOf(model: Model<ModelInputs>, inputs: ModelInputs): Promise<Float32Array> {
  return Float32Array.from((await outputsOf(model, inputs)).data);
}
