/** What merging promises, measured on two trained adapters. @module */

import { loadAdapter, merge, mergeReport, swap, unmerge } from "../../adapt/mod.ts";
import { Tape } from "../../autograd/mod.ts";
import type { Model, ModelInputs, TextModel } from "../../models/mod.ts";
import { type GlossData, glossLoss } from "../gloss_runs.ts";
import { timeForward, type Timing } from "./timing.ts";

/** What was measured. */
export interface MergingResult {
  /** Largest |logit| of the adapted model on the test tokens. */
  readonly largestLogit: number;
  /** Largest |merged - unmerged| logit. */
  readonly mergeError: number;
  /** Weights and logits whose bits changed after merging and unmerging; 0 is the claim. */
  readonly changedBits: number;
  /** Largest |logit| difference between base - BA + another BA and a fresh merge of the other. */
  readonly switchError: number;
  /** Loss on task B of the base, of B unmerged, and of the model that was switched from A to B. */
  readonly lossOnB: { readonly base: number; readonly unmerged: number; readonly switched: number };
  /** Microseconds per token. */
  readonly timings: readonly Timing[];
  /** Bytes of the merged copies beside the base. */
  readonly extraBytes: number;
}

/** Two adapters of one base, and how to judge the second. */
export interface MergingInput {
  /** The base that adapters go on, without any. */
  readonly model: TextModel;
  /** The same base again, which stays as it is. */
  readonly base: TextModel;
  /** PEFT folder of task A. */
  readonly folderA: string;
  /** PEFT folder of task B. */
  readonly folderB: string;
  /** Task B. */
  readonly dataB: GlossData;
  /** What outputs are compared and timed on. */
  readonly inputs: ModelInputs;
  /** Rounds of timing. */
  readonly rounds: number;
}

/** Measures everything; the base is as it was at the end. */
export async function measureMerging(input: MergingInput): Promise<MergingResult> {
  const { model, inputs } = input;
  const before = await bitsOf(model, inputs);
  const exactness = await measureA(input);
  const switching = await measureSwitch(input);
  const after = await bitsOf(model, inputs);
  return { ...exactness, ...switching, changedBits: countChanges(before, after) };
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
    const largestLogit = unmerged.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    return { largestLogit, mergeError, extraBytes, timings };
  } finally {
    unmerge(merged);
  }
}

/** From task A to task B by subtracting one BA and adding the other. */
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

/** All weights and the logits of the test tokens, as bits. */
async function bitsOf(model: TextModel, inputs: ModelInputs): Promise<Uint32Array[]> {
  const weights = await model.device.read(...[...model.parameters.values()].map((p) => p.tensor));
  const values = [...weights.map(({ data }) => data), await logitsOf(model, inputs)];
  return values.map((data) => new Uint32Array(Float32Array.from(data).buffer));
}

async function logitsOf(model: Model<ModelInputs>, inputs: ModelInputs): Promise<Float32Array> {
  using tape = new Tape(model.device, { record: false });
  const [{ data }] = await model.device.read(model.forward(tape, inputs));
  return Float32Array.from(data);
}

function countChanges(before: readonly Uint32Array[], after: readonly Uint32Array[]): number {
  return before.reduce(
    (sum, words, i) => sum + words.reduce((n, word, at) => n + Number(word !== after[i][at]), 0),
    0,
  );
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}
