/** All runs of the study as data, with their seeds: decision 0056 has the reasons. @module */

import type { SiteRole } from "../../src/core/update.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { e2eMethods, lora } from "../methods/e2e/runs.ts";
import { searchSeed } from "../rate_search.ts";
import { type RealRun, realSteps, searchSteps } from "./runs.ts";

/** α at every rank, the paper's on E2E. */
export const alpha = 32;

/** A method with the guess that its search begins at. */
export interface RealMethod {
  /** `qv-8`, `q-8`, `full`. */
  readonly key: string;
  /** Its name in reports. */
  readonly label: string;
  /** The trained method. */
  readonly spec: MethodSpec;
  /** A half-decade; the search begins with it and its two neighbors. */
  readonly prior: number;
  /** The number that its random starts count from: no two methods share one. */
  readonly starts: number;
  /** Seeds of data of its reported runs. */
  readonly seeds: readonly number[];
}

/** Seeds of data, which all methods share. */
export const dataSeeds = [1, 2, 3] as const;

const onSites = (sites: readonly SiteRole[], rank: number, prior: number): RealMethod => ({
  key: `${sites.join("")}-${rank}`,
  label: `LoRA (${sites.join(", ")}), r = ${rank}`,
  spec: { kind: "lora", rank, alpha, sites },
  prior,
  starts: 100 * rank + (sites.length === 1 ? 10_000 : 0),
  seeds: dataSeeds,
});

/** Seeds of q and v at r = 4, of which table 7's rules are asked. */
const moreSeeds = [...dataSeeds, 4, 5];

/** q and v at every rank: the ends and the middle first. */
export const bothRanks: readonly RealMethod[] = [
  ...[[1, 3e-3], [8, 3e-3], [64, 1e-2], [2, 3e-3], [4, 3e-3], [16, 1e-2]] as const,
].map(([rank, prior]) => {
  return { ...onSites(["q", "v"], rank, prior), ...rank === 4 && { seeds: moreSeeds } };
});

/** q alone. */
export const queryRanks: readonly RealMethod[] = [
  ...[[1, 3e-3], [8, 3e-3], [64, 1e-2]] as const,
].map(([rank, prior]) => onSites(["q"], rank, prior));

const priors: Readonly<Record<string, number>> = {
  ...{ full: 1e-4, "adapter-l": 1e-2, "adapter-l-large": 3e-3, "adapter-h-large": 3e-3 },
  ...{ "top-layers": 1e-3, "prefix-layer": 1e-1 },
};

/** Table 3's other methods; its LoRA is q and v at r = 4. */
export const otherMethods: readonly RealMethod[] = e2eMethods.filter(({ key }) => key !== lora)
  .map(({ key, label, sizes: [{ spec }] }, i) => ({
    ...{ key, label, spec, prior: priors[key], starts: 100 * (200 + i), seeds: dataSeeds },
  }));

/** Steps after which adapters are kept, in every run and in long ones. */
export const keptSteps = [150] as const, longKept = [150, 500, 1000] as const;

/** Steps of a long run. */
export const longSteps = 3000;

/** A reported run of a method with a seed of data and a start of its own. */
export const reportedRun = (
  { key, spec: method, starts }: RealMethod,
  learningRate: number,
  seed: number,
): RealRun => ({
  ...{ key, method, learningRate, steps: realSteps, start: starts + seed, data: seed },
  measured: key.startsWith("q-") ? "losses" : "all",
  ...method.kind === "lora" && { kept: keptSteps },
});

/** The same method with another start or other data. */
export const crossedRun = (
  method: RealMethod,
  learningRate: number,
  { start, data, steps = realSteps }: Pick<RealRun, "start" | "data"> & { steps?: number },
): RealRun => ({
  ...reportedRun(method, learningRate, data),
  ...{ start, data, steps, measured: "losses" },
  kept: steps === longSteps ? longKept : keptSteps,
});

/** A run of the search of a method's rate. */
export const searchRun = (
  { key, spec: method, starts }: RealMethod,
  learningRate: number,
): RealRun => ({
  ...{ key, method, learningRate, steps: searchSteps, start: starts + 99, data: searchSeed },
  measured: "validation",
});

/** A method by its key. */
export const methodOf = (key: string): RealMethod =>
  [...bothRanks, ...queryRanks, ...otherMethods].find((method) => method.key === key)!;

/** r = 64 with the start of r = 8, with the same data and with other. */
export const crossedStarts: readonly Pick<RealRun, "start" | "data">[] = dataSeeds.flatMap(
  (seed) => {
    const start = methodOf("qv-8").starts + seed;
    return [{ start, data: seed }, { start, data: dataSeeds[seed % dataSeeds.length] }];
  },
);

/** The long runs: r = 8, and r = 64 in the four cells, those on the diagonal first. */
export const longRuns: readonly (Pick<RealRun, "key" | "start" | "data">)[] = [
  { key: "qv-8", start: 811, data: 11 },
  { key: "qv-64", start: 6411, data: 12 },
  { key: "qv-64", start: 811, data: 11 },
  { key: "qv-64", start: 6412, data: 11 },
  { key: "qv-64", start: 811, data: 12 },
];
