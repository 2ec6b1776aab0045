/** Runs of every method on skills, each at the best rate of its own search. @module */

import type { SiteRole } from "../../../src/core/update.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { canonicalJson } from "../../../src/storage/digest.ts";
import type { MadeRun, PlannedRun } from "../../frame/mod.ts";
import type { PlanContext } from "../../frame/planned_runs.ts";
import { tryRates } from "../../rate_search.ts";
import { planSkill, type SkillRun, skillSteps } from "../../skills/runs.ts";
import { type DownstreamTask, taskNamed } from "../../skills/tasks.ts";
import { allSizes, comparedSizes, type SizedMethod, triedOf } from "../chosen.ts";
import {
  type ChosenMethod,
  type MethodRow,
  methodRow,
  type MethodSize,
  oneSize,
  type StudiedMethod,
} from "../comparison.ts";
import { chooseLeast, type ChosenRate, ratesAround, type TriedRates } from "../rates.ts";

/** LoRA on some matrices at one rank, α = 2r. */
export const loraSize = (sites: "all" | readonly SiteRole[], rank: number): MethodSize => ({
  size: `r = ${rank}`,
  spec: { kind: "lora", rank, alpha: 2 * rank, sites },
});

/** A bottleneck of one width. */
const width = (variant: "houlsby" | "lin" | "pfeiffer", size: number): MethodSize => ({
  size: `m = ${size}`,
  spec: { kind: "bottleneck", variant, size },
});

/** A prefix of one length. */
const tokens = (kind: "prefix-embedding" | "prefix-layer", length: number): MethodSize => ({
  size: `${length} tokens`,
  spec: { kind, length },
});

/** LoRA on q and v, which the others are compared with. */
export const lora = "lora-qv";

/** Methods that need not gain from a larger size, by figure 2. */
export const prefixes: readonly string[] = ["prefix-embedding", "prefix-layer"];

/** All that are compared on skills, in the order of the tables. */
export const skillMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 3e-3 },
    sizes: oneSize("all", { kind: "full" }),
  },
  {
    ...{ key: "top-layers", label: "top layer", family: "full", prior: 3e-3 },
    sizes: oneSize("1 block", { kind: "top-layers", layers: 1 }),
  },
  {
    ...{ key: "bitfit", label: "BitFit", family: "biases", prior: 3e-2 },
    sizes: oneSize("biases", { kind: "bitfit" }),
  },
  {
    ...{ key: "adapter-h", label: "adapters H", family: "adapter", prior: 1e-2 },
    sizes: [
      width("houlsby", 4),
      ...[1, 16].map((size) => width("houlsby", size)),
      { ...width("houlsby", 64), prior: 3e-3 },
    ],
  },
  {
    ...{ key: "adapter-l", label: "adapters L", family: "adapter", prior: 1e-2 },
    sizes: [width("lin", 8)],
  },
  {
    ...{ key: "adapter-p", label: "adapters P", family: "adapter", prior: 1e-2 },
    sizes: [width("pfeiffer", 8)],
  },
  {
    ...{ key: "prefix-embedding", label: "prefix-embedding", family: "prefix", prior: 1e-1 },
    sizes: [
      tokens("prefix-embedding", 32),
      ...[2, 8].map((length) => tokens("prefix-embedding", length)),
    ],
  },
  {
    ...{ key: "prefix-layer", label: "prefix-layer", family: "prefix", prior: 1e-1 },
    sizes: [
      tokens("prefix-layer", 16),
      ...[2, 8, 32].map((length) => tokens("prefix-layer", length)),
    ],
  },
  {
    ...{ key: lora, label: "LoRA (q, v)", family: "LoRA", prior: 1e-2 },
    sizes: [
      loraSize(["q", "v"], 4),
      { ...loraSize(["q", "v"], 1), prior: 3e-2 },
      ...[16, 64].map((rank) => ({ ...loraSize(["q", "v"], rank), prior: 3e-3 })),
    ],
  },
  {
    ...{ key: "lora-all", label: "LoRA (all linears)", family: "LoRA", prior: 1e-2 },
    sizes: [loraSize("all", 1), { ...loraSize("all", 4), prior: 3e-3 }],
  },
];

/** Two known skills in a row, and an unknown map of a known kind: decision 0058 says why these. */
export const methodTasks: readonly DownstreamTask[] = [
  "reverse, then Caesar's cipher",
  "Caesar's cipher +5",
].map(taskNamed);

/** A known skill under a new word, which prefixes alone are trained on, too: of the other tasks they learn nothing. */
export const nearTask: DownstreamTask = taskNamed("reverse, new word");

/** A run of the study, of which rate, place among its seeds and measured split are chosen. */
interface MethodRun extends Pick<SkillRun, "learningRate" | "split"> {
  /** 0 in a search; a job's seeds count up from 1. */
  readonly place: number;
  /** True for a few steps. Default: false. */
  readonly quick?: boolean;
}

/** Steps of a quick run. */
const quickSteps = 4;

/** A method's run at its first size. */
export function planOnSkill(
  task: DownstreamTask,
  { label, sizes: [{ size, spec: method }] }: StudiedMethod,
  { place, quick = false, ...run }: MethodRun,
): PlannedRun<SkillRun> {
  const seed = seedOf(`${task.name} ${canonicalJson(method)}`, place);
  const steps = quick ? quickSteps : skillSteps;
  return planSkill({ ...run, method, task, seed, steps }, `${label}, ${size}`);
}

/** The seed of a cell at one place: no two cells share a start or an order of texts. */
function seedOf(cell: string, place: number): number {
  const text = `${cell} ${place}`;
  return Array.from(text).reduce(
    (hash, letter) => (Math.imul(hash, 31) + letter.codePointAt(0)!) >>> 0,
    7,
  );
}

/** Methods that are trained on a task. */
interface TaskMethods {
  /** The task. */
  readonly task: DownstreamTask;
  /** The methods, each at every size. */
  readonly methods: readonly StudiedMethod[];
}

/** The same methods on both tasks whose average is compared. */
export const onBothTasks = (methods: readonly StudiedMethod[]): TaskMethods[] =>
  methodTasks.map((task) => ({ task, methods }));

/** All methods on both, and prefixes on the near one. */
export const onSkills: readonly TaskMethods[] = [
  ...onBothTasks(skillMethods),
  { task: nearTask, methods: skillMethods.filter(({ key }) => prefixes.includes(key)) },
];

/** Rates that are tried for every method at every size. */
export const skillRates = 3;

/** Results of a search: by task, and by the method's key and size. */
export interface FoundOnSkills {
  /** The loss of each rate. */
  readonly tasks: Readonly<Record<string, Readonly<Record<string, TriedRates>>>>;
}

/** A method at one size, which is searched by itself. */
export const searchedAlone = ([method, size]: SizedMethod): StudiedMethod => ({
  ...method,
  key: `${method.key} ${size.size}`,
  prior: size.prior ?? method.prior,
  sizes: [size],
});

/** The loss of every rate on the validation split. */
export async function searchOnSkills(
  searched: readonly TaskMethods[],
  context: RunContext,
): Promise<JsonRecord> {
  const tasks: Record<string, Record<string, JsonRecord>> = {};
  for (const { task, methods } of searched) {
    const tried: Record<string, JsonRecord> = tasks[task.name] = {};
    for (const method of allSizes(methods).map(searchedAlone)) {
      const rates = ratesAround(method.prior, skillRates);
      tried[method.key] = await tryRates(rates, planned(task, method), lossOf, context);
    }
  }
  return { split: "validation", tasks };
}

const planned = (task: DownstreamTask, method: StudiedMethod) => (learningRate: number) =>
  planOnSkill(task, method, { learningRate, place: searchPlace, split: "validation" });

const lossOf = ({ loss }: JsonRecord) => loss;

/** The place of a search among the seeds, none of those that are reported. */
const searchPlace = 0;

/** The rate with the lowest loss, and that loss. */
interface ChosenOnSkill extends ChosenRate {
  /** Nats per character on the validation split. */
  readonly validation: number;
}

/**
 * The rate that a search chose for a method at a size on a task.
 *
 * @throws {RangeError} when it has not tried the whole grid.
 */
export function chosenOnSkill(
  { tasks }: FoundOnSkills,
  { name }: DownstreamTask,
  sized: SizedMethod,
): ChosenOnSkill {
  const tried = triedOf({ tried: tasks[name] ?? {} }, searchedAlone(sized), skillRates);
  const rate = chooseLeast(tried);
  return { ...rate, validation: tried[rate.learningRate] ?? Infinity };
}

/** Task, method, size, rate and seed of a run; `seed` is the place among the seeds of its cell. */
export interface ChosenSkill extends ChosenMethod, ChosenOnSkill {
  /** The task. */
  readonly task: DownstreamTask;
  /** True for a seed that Table 3's claim alone reads. */
  readonly isFurther?: boolean;
}

/** The seeds that Table 3's claim alone reads, of the two methods that decide it: the rules' note of 2026-12-02. */
export const furtherSeeds: readonly number[] = Array.from({ length: 57 }, (_, i) => 4 + i);

/** LoRA and the top layer, which they are run with. */
const withFurtherSeeds = skillMethods.filter(({ key }) => [lora, "top-layers"].includes(key));

/** Their runs. */
export const furtherRuns = (found: FoundOnSkills): PlannedRun<ChosenSkill>[] =>
  furtherSeeds.flatMap((place) =>
    onBothTasks(withFurtherSeeds).flatMap(({ task, methods }) =>
      comparedSizes(methods).map((sized) => {
        const { chosen, ...planned } = reportedRun(found, task, sized, { place, quick: false });
        return { ...planned, chosen: { ...chosen, isFurther: true } };
      })
    )
  );

/** All runs of a job: all cells of a seed before those of the next. */
export const reportedRuns = (
  found: FoundOnSkills,
  reported: readonly TaskMethods[],
  { seeds, quick }: PlanContext,
): PlannedRun<ChosenSkill>[] =>
  seeds.flatMap((place) =>
    reported.flatMap(({ task, methods }) =>
      (quick ? comparedSizes : allSizes)(methods).map((sized) =>
        reportedRun(found, task, sized, { place, quick })
      )
    )
  );

/** The run of a method at a size on a task, at the rate of its search. */
function reportedRun(
  found: FoundOnSkills,
  task: DownstreamTask,
  sized: SizedMethod,
  { place, quick }: Pick<MethodRun, "place" | "quick">,
): PlannedRun<ChosenSkill> {
  const [method, size] = sized, rate = chosenOnSkill(found, task, sized);
  const { learningRate } = rate, run = { learningRate, place, quick, split: "test" } as const;
  return {
    ...planOnSkill(task, searchedAlone(sized), run),
    chosen: { ...rate, method, size, task, seed: place },
  };
}

/** Result of a run, or of the base, on a task. */
export interface SkillRow extends MethodRow {
  /** The task's name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** The loss by which the rate was chosen, in nats per character. */
  readonly validation?: number;
  /** 1 for a seed that Table 3's claim alone reads. */
  readonly further?: 1;
}

/** The row of a run: its share of right answers in percent. */
export function skillRow(made: MadeRun<ChosenSkill>): SkillRow {
  const { exact, texts } = made.metrics as Record<string, number>;
  const { task: { name: task }, validation, isFurther } = made.chosen;
  const row = { task, texts, ...methodRow(made, 100 * exact), validation };
  return isFurther ? { ...row, further: 1 } : row;
}
