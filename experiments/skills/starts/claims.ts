/** Rules of starts and steps, as functions of their rows. @module */

import { mean } from "../../../src/core/numbers.ts";
import { pooledVariance, rounding } from "../../differences.ts";
import type { Claim } from "../../frame/mod.ts";
import type { ArmRow } from "../arms.ts";

/** A training. */
export interface StartRow extends ArmRow {
  /** The arm. */
  readonly name: string;
}

/** The curvature at the start of a training. */
export interface CurvatureRow {
  /** The task. */
  readonly task: string;
  /** The arm. */
  readonly name: string;
  /** The repeat. */
  readonly seed: number;
  /** The largest eigenvalue of the Hessian. */
  readonly eigenvalue: number;
  /** The norm of the gradient. */
  readonly norm: number;
}

/** A rate that the search tried: means of two runs on inputs for validation. */
export interface TriedRow {
  /** The task. */
  readonly task: string;
  /** The arm. */
  readonly name: string;
  /** The rate. */
  readonly learningRate: number;
  /** Right answers, in percent. */
  readonly right: number;
  /** Nats per character; none where training diverged. */
  readonly loss: number | null;
}

/** All rows. */
export interface StartRows {
  /** Trainings at their own rates. */
  readonly runs: readonly StartRow[];
  /** Curvatures. */
  readonly curvatures: readonly CurvatureRow[];
  /** The searches. */
  readonly tried: readonly TriedRow[];
}

const plain = "LoRA", points = 2, errors = 3.7;

const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

const tasksOf = ({ runs }: StartRows): string[] => unique(runs.map(({ task }) => task));

/** The runs of each arm on a task. */
const byArm = ({ runs }: StartRows, task: string): Map<string, StartRow[]> =>
  Map.groupBy(runs.filter((row) => row.task === task), ({ name }) => name);

type Value = (row: StartRow) => number;

const rightOf: Value = ({ right }) => right, logLoss: Value = ({ loss }) => Math.log(loss);

/** Differences of the arms' means from plain LoRA's on a task, and what is beyond noise. */
function differences(rows: StartRows, task: string, value: Value) {
  const arms = byArm(rows, task), all = [...arms.values()].map((own) => own.map(value));
  const noise = errors * Math.sqrt(2 * pooledVariance(all) / all[0].length);
  const base = mean(arms.get(plain)!.map(value));
  const own = [...arms].filter(([name]) => name !== plain)
    .map(([name, runs]) => ({ name, by: mean(runs.map(value)) - base }));
  return { base, own, noise };
}

/** `better by 3.1 (PiSSA), worse by 50.2 (OLoRA), noise 9.5`. */
function rangeText(rows: StartRows, task: string): string {
  const { base, own, noise } = differences(rows, task, rightOf);
  const [low, high] = [
    own.toSorted((a, b) => a.by - b.by)[0],
    own.toSorted((a, b) => b.by - a.by)[0],
  ];
  const from = ({ name, by }: typeof low) => `${name} ${(base + by).toFixed(1)}%`;
  return `${task}: LoRA ${base.toFixed(1)}%, ${from(low)} to ${from(high)}, noise ${
    noise.toFixed(1)
  }`;
}

const ranges = (rows: StartRows): string =>
  tasksOf(rows).map((task) => rangeText(rows, task)).join("; ");

/** The factor of an arm's loss to plain LoRA's on each task. */
const factors = (rows: StartRows, arm: string): string =>
  tasksOf(rows).map((task) => {
    const { own, noise } = differences(rows, task, logLoss),
      { by } = own.find(({ name }) => name === arm)!;
    return `${task}: ${Math.exp(by).toFixed(2)} times LoRA's loss (noise: a factor of ${
      Math.exp(noise).toFixed(2)
    })`;
  }).join("; ");

const isFaster = (rows: StartRows, arm: string): boolean =>
  tasksOf(rows).every((task) => {
    const { own, noise } = differences(rows, task, logLoss);
    return own.find(({ name }) => name === arm)!.by < -noise;
  });

/** Spreads of right answers on a task, of arms at their own rates and at plain LoRA's. */
export function spreads({ tried }: StartRows, task: string): { own: number; one: number } {
  const arms = Map.groupBy(tried.filter((row) => row.task === task), ({ name }) => name);
  const lossOf = ({ loss }: TriedRow) => loss ?? Infinity;
  const best = (all: readonly TriedRow[]) => all.reduce((a, b) => lossOf(b) < lossOf(a) ? b : a);
  const { learningRate } = best(arms.get(plain)!);
  const away = (row: TriedRow) => Math.abs(Math.log(row.learningRate / learningRate));
  const nearest = (all: readonly TriedRow[]) => all.reduce((a, b) => away(b) < away(a) ? b : a);
  const spread = (pick: typeof best) => {
    const rights = [...arms.values()].map((all) => pick(all).right);
    return Math.max(...rights) - Math.min(...rights);
  };
  return { own: spread(best), one: spread(nearest) };
}

/** Logarithms of rate and of 1/λ of the arms with a curvature, less their means on each task: a row for each task. */
function centered(rows: StartRows): { arms: string[]; rates: number[][]; flatness: number[][] } {
  const arms = unique(rows.curvatures.map(({ name }) => name));
  const less = (values: readonly number[]) => values.map((x) => x - mean(values));
  const of = (task: string, name: string) => (row: { task: string; name: string }) =>
    row.task === task && row.name === name;
  const table = (value: (task: string, name: string) => number) =>
    tasksOf(rows).map((task) => less(arms.map((name) => value(task, name))));
  return {
    arms,
    rates: table((task, name) => Math.log(rows.runs.find(of(task, name))!.learningRate)),
    flatness: table((task, name) =>
      -mean(rows.curvatures.filter(of(task, name)).map(({ eigenvalue }) => Math.log(eigenvalue)))
    ),
  };
}

const product = (
  a: readonly number[][],
  b: readonly number[][],
  order: readonly number[],
): number =>
  a.reduce((sum, row, i) => sum + row.reduce((of, x, j) => of + x * b[i][order[j]], 0), 0);

function orders(count: number): number[][] {
  if (count === 0) return [[]];
  return orders(count - 1).flatMap((order) =>
    Array.from({ length: count }, (_, at) => order.toSpliced(at, 0, count - 1))
  );
}

/** The correlation of rate and 1/λ, its slope, and the share of orders of the arms that have at least as much. */
export function curvatureFit(rows: StartRows): { r: number; slope: number; chance: number } {
  const { arms, rates, flatness } = centered(rows), same = arms.map((_, at) => at);
  const found = product(rates, flatness, same), spread = product(flatness, flatness, same);
  const all = orders(arms.length).map((order) => product(rates, flatness, order));
  return {
    r: found / Math.sqrt(spread * product(rates, rates, same)),
    slope: found / spread,
    chance: all.filter((one) => one >= found - rounding).length / all.length,
  };
}

/** Best rates of an arm by plain LoRA's. */
const rateRatios = (rows: StartRows, arm: string): number[] =>
  tasksOf(rows).map((task) => {
    const arms = byArm(rows, task);
    return arms.get(arm)![0].learningRate / arms.get(plain)![0].learningRate;
  });

const steps = ["LoRA+", "preconditioned"];

const two = (value: number): string => value.toFixed(2).replace("-", "−");

/** The claims, in the order of the rules. */
export const startClaims: readonly Claim<StartRows>[] = [
  {
    text: "Once each has its rate, starts and steps of LoRA tie",
    rule: `when on every task every arm's mean is within ${points} points of plain LoRA's`,
    quote:
      "“once learning rates are properly tuned, all methods achieve similar peak performance (within 1–2%)” (2602.04998)",
    ours: ranges,
    holds: (rows) =>
      tasksOf(rows).every((task) =>
        differences(rows, task, rightOf).own.every(({ by }) => Math.abs(by) <= points + rounding)
      ),
    note:
      "It is said of trainings to their end; these are short, so that there is something to tell apart.",
  },
  {
    text: "Plain LoRA suffices",
    rule: `when on no task an arm has over ${points} points more than plain LoRA, beyond noise`,
    quote: "“Vanilla LoRA May Suffice” (2602.04998, title)",
    ours: ranges,
    holds: (rows) =>
      tasksOf(rows).every((task) => {
        const { own, noise } = differences(rows, task, rightOf);
        return own.every(({ by }) => by <= Math.max(points, noise) + rounding);
      }),
    note:
      "Undecided: with this noise the rule can hardly fail. Plain LoRA is fourth from below on the cipher and third from " +
      "below on subtraction.",
  },
  {
    text: "At one rate for all they do not tie",
    rule:
      "when on every task the best and the worst arm differ at least twice as much at plain LoRA's rate as at their own",
    quote:
      "“improvements reported under a single training configuration may not reflect consistent methodological advantages” (2602.04998)",
    ours: (rows) =>
      tasksOf(rows).map((task) => {
        const { own, one } = spreads(rows, task);
        return `${task}: ${one.toFixed(1)} points at one rate, ${own.toFixed(1)} at their own`;
      }).join("; "),
    holds: (rows) =>
      tasksOf(rows).every((task) => {
        const { own, one } = spreads(rows, task);
        return one >= 2 * own - rounding;
      }),
  },
  {
    text: "The curvature at the start says which rate is best",
    rule:
      "when log rate and −log λ of seven arms, less their means on a task, correlate with at least 0.5, and at most 5% of the orders of the arms give as much",
    quote:
      "“a second-order analysis attributes the differing optimal learning rate ranges to variations in the largest Hessian eigenvalue” (2602.04998)",
    ours: (rows) => {
      const { r, slope, chance } = curvatureFit(rows);
      return `r = ${two(r)}, slope ${two(slope)}, as much in ${
        (100 * chance).toFixed(1)
      }% of orders`;
    },
    holds: (rows) => {
      const { r, chance } = curvatureFit(rows);
      return r >= 0.5 && chance <= 0.05;
    },
  },
  {
    text: "Steps with plain LoRA's curvature have another best rate",
    rule:
      "when the best rate of LoRA+ or of preconditioned steps is at least 4 times plain LoRA's, or a quarter, on two tasks",
    ours: (rows) =>
      steps.map((arm) => `${arm}: ${rateRatios(rows, arm).join(", ")} times LoRA's`).join("; "),
    holds: (rows) =>
      steps.some((arm) =>
        rateRatios(rows, arm).filter((ratio) => Math.abs(Math.log(ratio)) >= Math.log(4) - rounding)
          .length >= 2
      ),
  },
  {
    text: "LoRA-GA learns faster than plain LoRA",
    rule: "when its loss is below plain LoRA's on every task, beyond noise",
    quote: "“up to 2-4 times convergence speed improvement compared to vanilla LoRA” (2407.05000)",
    ours: (rows) => factors(rows, "LoRA-GA"),
    holds: (rows) => isFaster(rows, "LoRA-GA"),
    note: "Undecided: no difference is beyond the noise.",
  },
  {
    text: "Preconditioned steps learn faster than plain LoRA",
    rule: "when their loss is below plain LoRA's on every task, beyond noise",
    quote:
      "“the convergence and reliability of SGD and AdamW can be significantly enhanced” (2402.02347)",
    ours: (rows) => factors(rows, "preconditioned"),
    holds: (rows) => isFaster(rows, "preconditioned"),
    note:
      "Beyond the noise on the near task alone, and there they are slower. One δ and one β₂ were tried.",
  },
];
