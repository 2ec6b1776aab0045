/** Merging: no latency, reversible to the bit, and switching from one task to another. @module */

import { loadAdapter, merge, mergeReport, swap, unmerge } from "../src/adapt/mod.ts";
import { countChangedBits, largestDifference, largestOf } from "../src/core/numbers.ts";
import { latencyFigure, latencyTable, timeForward } from "../src/inspect/mod.ts";
import { type Model, type ModelInputs, outputsOf, type TextModel } from "../src/models/mod.ts";
import said from "../src/paper/printed/claims.json" with { type: "json" };
import { type RunResult, shareBase } from "../src/runs/mod.ts";
import { adaptationRun, loraMethod } from "./adaptation/methods.ts";
import { baseConfig, loadBase } from "./base_model.ts";
import {
  type Experiment,
  experiment,
  type ExperimentContext,
  ratioOf,
  ratioText,
} from "./frame/mod.ts";
import { clockMet } from "./frame/turns.ts";
import {
  type GlossData,
  glossLoss,
  type GlossRun,
  openGloss,
  planGloss,
  publishAdapter,
  shortGlossData,
} from "./gloss_runs.ts";
import { launchText, mergedRule } from "./latency/claims.ts";
import { countPasses } from "./latency/passes.ts";

/** The largest rank of the adaptation experiment. */
const rank = 16, method = loraMethod(rank), lora = { rank, sites: "all" } as const;

/** Task A is to define nouns, which shares a run of the adaptation experiment; task B, to define verbs. */
const parts = ["noun", "verb"] as const;

/** Steps of task B, whose loss is reported and not judged. */
const shortRun = 40;

function runOf(part: typeof parts[number], seed: number, quick: boolean): GlossRun {
  const run = adaptationRun(method, part, seed, quick);
  return part === "noun" ? run : { ...run, steps: Math.min(run.steps, shortRun) };
}

async function mergingRows(made: readonly RunResult[], context: ExperimentContext) {
  const { device, out, seeds: [seed], quick } = context;
  const [dataA, dataB] = parts.map((part) => shortGlossData(part, quick));
  const publish = ({ folder }: RunResult, i: number) =>
    publishAdapter(folder, out, `${parts[i]}s-${method.key}-seed${seed}`);
  const [folderA, folderB] = await Promise.all(made.map(publish));
  using model = await loadBase(device);
  using base = await loadBase(device);
  const [{ inputs }] = await openGloss(dataA, "test", 7, 1), rounds = quick ? 5 : 30;
  const input = { model, base, folderA, folderB, dataB, inputs, rounds };
  const shape = inputs.tokens.shape, [batch, length] = shape;
  const name = "tiny-gpt2", config = await baseConfig();
  const passes = countPasses({ name, config }, [], [batch, length], lora);
  return { ...await measureMerging(input), rounds, shape, passes };
}

/** Two adapters of one base, and how to judge the second. */
interface MergingInput {
  readonly model: TextModel; // the base model, to which adapters are attached
  readonly base: TextModel; // a second copy of it, which never has an adapter
  readonly folderA: string; // PEFT folder of task A
  readonly folderB: string; // PEFT folder of task B
  readonly dataB: GlossData; // task B
  readonly inputs: ModelInputs; // a test batch, for comparing outputs and for timing
  readonly rounds: number; // forward passes of each model that are timed
}

/** Measures everything, and how many bits of the model differ at the end from those at the start. */
async function measureMerging(input: MergingInput) {
  const { model, inputs } = input, before = await valuesOf(model, inputs);
  const exactness = await measureA(input), switching = await measureSwitch(input);
  const after = await valuesOf(model, inputs);
  const changed = before.map((values, i) => countChangedBits(values, after[i]));
  return { ...exactness, ...switching, changedBits: changed.reduce((sum, n) => sum + n) };
}

/** Adapter A, merged and unmerged: the difference of the logits, and what each costs. */
async function measureA({ model, base, folderA, inputs, rounds }: MergingInput) {
  using adapter = await loadAdapter(model, folderA);
  const unmerged = await logitsOf(model, inputs);
  const merged = merge(model, adapter);
  try {
    const mergeError = largestDifference(unmerged, await logitsOf(merged, inputs));
    const { extraBytes } = await mergeReport(model, adapter);
    using again = shareBase(base);
    const models = { base, unmerged: model, merged, "base again": again };
    const timings = await timeForward(models, inputs, rounds);
    return { largestLogit: largestOf(unmerged), mergeError, extraBytes, timings };
  } finally {
    unmerge(merged);
  }
}

/**
 * Switches from task A to task B by subtracting one BA and adding the other, next to a fresh merge
 * of B.
 */
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

/** Every weight, and the logits of the test batch. */
async function valuesOf(model: TextModel, inputs: ModelInputs): Promise<Float32Array[]> {
  const weights = await model.device.read(...[...model.parameters.values()].map((p) => p.tensor));
  return [...weights.map(({ data }) => Float32Array.from(data)), await logitsOf(model, inputs)];
}

async function logitsOf(model: Model<ModelInputs>, inputs: ModelInputs): Promise<Float32Array> {
  return Float32Array.from((await outputsOf(model, inputs)).data);
}

/** Relative to the largest logit: what F32 rounding may add up to over the layers. */
const tolerance = 1e-4;

/** The row of two claims in the table of what matters most. */
const costlessRow = { place: 5, row: "no slower once merged, and merging can be undone" };

/** Merges, unmerges and switches tasks. */
export const merging: Experiment = experiment({
  name: "merging",
  seconds: 5,
  title: "Merging: no latency, exactly reversible, and a way to switch tasks",
  question:
    "What does an adapter cost at inference, and can it be removed again? Task A is to define " +
    "nouns, task B to define verbs.",
  source: "Hu et al. 2021, section 4.1 and table 1",
  settings: ({ rounds, shape: [batch, time] }) =>
    `Two adapters of rank ${rank} on every linear layer, trained as in the comparison above, B's for ${shortRun} steps only. ` +
    `Timing: ${rounds} forward passes of ${batch} sequences of ${time} tokens each, the ` +
    "models interleaved.",
  seeds: "{seed}",
  runs: ({ seeds: [seed], quick }) =>
    parts.map((part, index) => planGloss(runOf(part, seed, quick), `task ${"AB"[index]}`)),
  rows: mergingRows,
  claims: [{
    text: "Merged LoRA adds no latency (in the tiny base)",
    rule: mergedRule,
    ...said.latency,
    note: "Only these passes are interleaved. Those of the 12,288 x 12,288 matrix are timed one " +
      "after the other and differ by what else the machine was doing.",
    corrected: clockMet,
    headline: {
      ...costlessRow,
      bars: ({ passes: [base, , merged, unmerged] }) =>
        Object.entries({ base, merged, unmerged }).map(([label, { launches }]) => {
          return { label, value: launches, text: `${launches} launches` };
        }),
    },
    ours: ({ passes: [base, , merged, unmerged] }) => launchText([[base], [merged], [unmerged]]),
    holds: ({ passes: [, , merged, unmerged] }) => merged.differing === 0 && unmerged.differing > 0,
    found({ timings: [base, ...others] }) {
      const [unmerged, merged, again] = others.map(({ each }) =>
        ratioText(ratioOf(each, base.each))
      );
      return `By the clock ${merged} times the base's ${
        base.median.toFixed(1)
      } µs per token; the ` +
        `base again ${again}, unmerged ${unmerged}.`;
    },
  }, {
    text: "Merging changes outputs only by rounding, and unmerging restores every bit",
    rule: `when merged and unmerged logits differ by at most ${tolerance} of the largest ` +
      "logit and no bit of the base's weights and logits changed",
    ...said.unmerging,
    headline: costlessRow,
    ours: ({ mergeError, changedBits }) =>
      `differ by ${mergeError.toExponential(0)}; ${changedBits} bits changed`,
    holds: ({ mergeError, largestLogit, changedBits }) =>
      mergeError <= tolerance * largestLogit && changedBits === 0,
    found: ({ largestLogit }) => `Logits are up to ${largestLogit.toFixed(1)}.`,
  }, {
    text: "Subtracting one BA and adding another switches the task",
    rule: "when the logits after the switch differ from those of a fresh merge by at most " +
      `${tolerance} of the largest logit`,
    ...said.switching,
    ours: ({ switchError }) => `differs by ${switchError.toExponential(0)} from a fresh merge`,
    holds: ({ switchError, largestLogit }) => switchError <= tolerance * largestLogit,
    found: ({ lossOnB: { base, unmerged, switched } }) =>
      `Loss on task B: base ${base.toFixed(3)}, ` +
      `adapter B ${unmerged.toFixed(3)}, after the switch ${switched.toFixed(3)}.`,
  }],
  tables: [({ timings, shape }) => latencyTable(timings, shape)],
  figures: [
    ({ timings }, { device }) => latencyFigure(timings.slice(0, 3), rank, device.description),
  ],
});
