/** The trainings that are timed; decision 0039 has the reasons. @module */

import { injectLora, type LoraAdapter } from "../../src/adapt/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { TextModel } from "../../src/models/mod.ts";
import { shareBase, trainTogether } from "../../src/runs/mod.ts";
import { train } from "../../src/train/mod.ts";

/** Batch of a step of one run, and the adapted layers. */
export interface Load {
  /** Sequences of a batch. */
  readonly rows: number;
  /** Tokens of a sequence. */
  readonly tokens: number;
  /** True if all linear layers are adapted, false for q and v. */
  readonly all: boolean;
}

/** A timed variant. */
export interface Variant extends Load {
  /** All at once, one after another, the latter once more, or one run with the rows of all. */
  readonly kind: "at once" | "in a row" | "in a row again" | "one run";
  /** Number of runs. */
  readonly runs: number;
}

/** The runs and the load of the rule. */
export const ruled = { runs: 8, rows: 1, tokens: 16, all: false } as const;

/** The rank of every adapter, and the steps of every training. */
export const rank = 8, trainedSteps = 5;

const pairOf = (load: Load, runs: number): Variant[] =>
  (["in a row", "at once"] as const).map((kind) => ({ ...load, kind, runs }));

const boundOf = (load: Load): Variant => ({ ...load, kind: "one run", runs: ruled.runs });

/** Variants that the rules read, and those beside them. */
export const ruledVariants: readonly Variant[] = [
  ...[1, 8].flatMap((runs) => pairOf(ruled, runs)),
  { ...ruled, kind: "in a row again" },
  boundOf(ruled),
];

const largerLoads: readonly Load[] = [
  { ...ruled, all: true },
  { ...ruled, tokens: 64 },
  { ...ruled, rows: 8, tokens: 64 },
];

/** All variants. */
export const allVariants: readonly Variant[] = [
  ...ruledVariants,
  ...[2, 4].flatMap((runs) => pairOf(ruled, runs)),
  ...largerLoads.flatMap((load) => [...pairOf(load, ruled.runs), boundOf(load)]),
];

/** Random batches with the next token as target. */
export function randomBatches(
  { vocabulary }: TextModel,
  { rows, tokens }: Pick<Load, "rows" | "tokens">,
  count: number,
  seed: number,
): Batch[] {
  const random = new Random(seed), shape = [rows, tokens];
  return Array.from({ length: count }, () => {
    const ids = Uint32Array.from({ length: rows * tokens }, () => random.integer(vocabulary));
    const next = Int32Array.from(ids, (_, i) => i % tokens === tokens - 1 ? -100 : ids[i + 1]);
    return { inputs: { tokens: hostTensor(shape, ids) }, targets: hostTensor(shape, next) };
  });
}

/** A run's options, but for its data. */
const options = { learningRate: 1e-3, steps: trainedSteps } as const;

/** A function that trains a variant, from adapters that are there; `owner` frees them. */
export function trainingOf(
  base: TextModel,
  variant: Variant,
  seed: number,
  owner: DisposableStack,
): () => Promise<unknown> {
  const { kind, runs, rows, all, tokens } = variant, isOne = kind === "one run";
  const made = Array.from({ length: isOne ? 1 : runs }, (_, i) => ({
    adapter: owner.use(adapterOn(base, all, seed + i)),
    batches: randomBatches(
      base,
      { tokens, rows: isOne ? runs * rows : rows },
      trainedSteps,
      seed + i,
    ),
  }));
  if (kind === "at once") {
    return () => trainTogether(made.map((run) => ({ ...run, ...options }))).finish();
  }
  return async () => {
    for (const { adapter, batches } of made) await train(adapter, batches, options).finish();
  };
}

function adapterOn(base: TextModel, all: boolean, seed: number): LoraAdapter {
  const sites = all ? { targetModules: "all-linear" } as const : { sites: ["q", "v"] };
  return injectLora(shareBase(base), { rank, alpha: 2 * rank, seed, ...sites });
}
