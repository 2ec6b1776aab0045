/**
 * Sweeps: one quantity grows at a time, around a GPT-2 of a middle size or an update of one.
 *
 * @module
 */

import type { GptSize } from "../workloads.ts";

/** A training step: a model with its batch, and what is adapted. */
export interface StepSize extends GptSize {
  /** r. */
  readonly rank: number;
  /** Linear layers with an adapter, the first ones; default all. */
  readonly modules?: number;
}

/** Updates of which the spectra are found. */
export interface UpdateSize {
  /** Width of both sides. */
  readonly width: number;
  /** r. */
  readonly rank: number;
  /** Number of updates. */
  readonly modules: number;
}

/** The shape that all steps have but for what grows: heads are 32 wide. */
export const middleStep: StepSize = {
  ...{ vocabulary: 1024, width: 256, layers: 4, heads: 8, batch: 4, time: 64, rank: 8 },
};

/** The updates that all spectra are of but for what grows. */
export const middleUpdate: UpdateSize = { width: 1024, rank: 16, modules: 4 };

/** The exponents of a quantity that has outgrown all others. */
interface Limits {
  readonly time: number;
  readonly bytes?: number;
}

/** Name and sizes of a sweep. */
interface Growth {
  /** Name for `--only`. */
  readonly name: string;
  /** The growing quantity, with the unit. */
  readonly quantity: string;
  /** Values, rising. */
  readonly values: readonly number[];
  /** Exponents that the formulas tend to. */
  readonly limits: Limits;
}

/** The trained values: A and B, or all. */
export type Method = "lora" | "full";

/** Training steps of growing size. */
export interface StepSweep extends Growth {
  /** The trained values; all weights only where that grows otherwise. */
  readonly methods: readonly Method[];
  /** The size at a value. */
  readonly at: (value: number) => Partial<StepSize>;
}

/** Spectra of growing size. */
export interface UpdateSweep extends Growth {
  /** The size at a value. */
  readonly of: (value: number) => Partial<UpdateSize>;
}

/** Either. */
export type Sweep = StepSweep | UpdateSweep;

const both: readonly Method[] = ["lora", "full"];

/** Sweeps in the order of the figure's panels. */
export const sweeps: readonly Sweep[] = [
  {
    ...{ name: "width", quantity: "width", values: [64, 128, 192, 256, 384, 512, 768] },
    ...{ limits: { time: 2, bytes: 2 }, methods: both },
    at: (width) => ({ width, heads: width / 32 }),
  },
  {
    ...{ name: "depth", quantity: "blocks", values: [1, 2, 3, 4, 6, 8, 12, 16] },
    ...{ limits: { time: 1, bytes: 1 }, methods: both },
    at: (layers) => ({ layers }),
  },
  {
    ...{ name: "batch", quantity: "sequences of 64 tokens", values: [1, 2, 3, 4, 6, 8, 12, 16] },
    ...{ limits: { time: 1, bytes: 1 }, methods: both },
    at: (batch) => ({ batch }),
  },
  {
    ...{ name: "time", quantity: "tokens of one sequence" },
    values: [32, 64, 128, 256, 512, 1024, 2048],
    ...{ limits: { time: 2, bytes: 1 }, methods: ["lora"] },
    at: (time) => ({ batch: 1, time }),
  },
  {
    ...{ name: "vocabulary", quantity: "tokens in the vocabulary" },
    values: [128, 256, 512, 1024, 2048, 4096, 8192, 16384],
    ...{ limits: { time: 1, bytes: 1 }, methods: both },
    at: (vocabulary) => ({ vocabulary }),
  },
  {
    ...{ name: "rank", quantity: "rank", values: [1, 2, 4, 8, 16, 32, 64, 128, 256] },
    ...{ limits: { time: 1, bytes: 1 }, methods: ["lora"] },
    at: (rank) => ({ rank }),
  },
  {
    ...{ name: "modules", quantity: "adapted modules", values: [1, 2, 3, 4, 6, 8, 12, 16] },
    ...{ limits: { time: 1, bytes: 1 }, methods: ["lora"] },
    at: (modules) => ({ modules }),
  },
  {
    ...{ name: "spectra-width", quantity: "width of the updates" },
    ...{ values: [128, 256, 512, 1024, 2048, 4096, 8192], limits: { time: 1 } },
    of: (width) => ({ width }),
  },
  {
    ...{ name: "spectra-rank", quantity: "rank of the updates" },
    ...{ values: [1, 2, 4, 8, 16, 32, 64, 128, 256], limits: { time: 3 } },
    of: (rank) => ({ rank }),
  },
  {
    ...{ name: "spectra-modules", quantity: "updates" },
    ...{ values: [1, 2, 4, 8, 16, 32, 64], limits: { time: 1 } },
    of: (modules) => ({ modules }),
  },
];

/** Kernels that run it. */
export type Variant = "cpu" | "blas";

/** Kernels of the sweeps: without a BLAS there is no LAPACK either. */
const variants: readonly Variant[] = ["cpu", "blas"];

/** The timed work: spectra, or a step of a method. */
export type Work = Method | "spectra";

/** The timed work, and the kernels that run it. */
export interface Contender {
  readonly work: Work;
  readonly variant: Variant;
}

/** Contenders of a sweep; all weights are trained with BLAS alone. */
export function contendersOf(sweep: Sweep): Contender[] {
  const works: readonly Work[] = "at" in sweep ? sweep.methods : ["spectra"];
  const all = works.flatMap((work) => variants.map((variant) => ({ work, variant })));
  return all.filter(({ work, variant }) => work !== "full" || variant === "blas");
}

/** A sweep by its name. */
export function sweepNamed(name: string): Sweep {
  const found = sweeps.find((sweep) => sweep.name === name);
  if (found) return found;
  throw new RangeError(
    `a sweep is one of ${sweeps.map(({ name }) => name).join(", ")}, found ${name}`,
  );
}
