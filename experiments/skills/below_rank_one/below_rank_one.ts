/** Fewer trained values than LoRA of rank 1: cores between frozen singular vectors, beside the map of needed ranks. @module */

import { mean } from "../../../src/core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  line,
  logAxis,
  palette,
  table,
  type Trace,
} from "../../../src/figures/mod.ts";
import { parPoints, rounding } from "../../differences.ts";
import { type Claim, type Experiment, experiment, type MadeRun } from "../../frame/mod.ts";
import neededRank from "../needed_rank/needed_rank.json" with { type: "json" };
import { each, enoughPoints, type MapRow, pointsNoise } from "../needed_rank/rows.ts";
import { armName, liveTasks } from "../needed_rank/runs.ts";
import { armColumns, type ArmRow, armRow, planArms, studiedTasks } from "../arms.ts";
import { skillSteps } from "../runs.ts";
import shipped from "./below_rank_one.json" with { type: "json" };
import { type SmallArm, smallArms, smallName, type SmallRun, smallStudy } from "./runs.ts";

/** One training. */
interface SmallRow extends ArmRow, Omit<SmallArm, "values"> {
  /** `LoRA-XS, r = 8`. */
  readonly name: string;
}

type SmallRows = readonly SmallRow[];

function rowOf(run: MadeRun<SmallRun>): SmallRow {
  const { arm } = run.chosen;
  return { ...armRow(run), method: arm.method, rank: arm.rank, name: smallName(arm) };
}

/** The mean of an arm's seeds on a task, of this study or of the map. */
interface Point {
  readonly name: string;
  readonly trained: number;
  readonly right: number;
  readonly runs: readonly Pick<MapRow, "right" | "texts" | "trained">[];
}

type Run = Point["runs"][number] & { readonly name: string };

const pointsOf = (runs: readonly Run[]): Point[] =>
  [...Map.groupBy(runs, ({ name }) => name)].map(([name, own]) => ({
    ...{ name, trained: own[0].trained, right: mean(own.map(({ right }) => right)), runs: own },
  })).sort((a, b) => a.trained - b.trained);

const smallPoints = (rows: SmallRows, task: string, method: SmallArm["method"]): Point[] =>
  pointsOf(rows.filter((row) => row.task === task && row.method === method));

const { mapRuns } = neededRank.rows as unknown as { readonly mapRuns: readonly MapRow[] };

/** The map's arms of 300 steps on a task. */
const mapPoints = (task: string, which: Partial<Pick<MapRow, "line" | "rank">>): Point[] =>
  pointsOf(
    mapRuns.filter((row) =>
      row.task === task && row.base === "trained" && row.steps === skillSteps &&
      Object.entries(which).every(([key, value]) => row[key as "line"] === value)
    ).map((row) => ({ ...row, name: armName({ line: row.line, rank: row.rank }) })),
  );

const mapPoint = (task: string, line: MapRow["line"], rank?: number): Point =>
  mapPoints(task, { line, ...rank && { rank } })[0];

/** The base's share of right answers. */
const before = (task: string): number => mapRuns.find((row) => row.task === task)!.before;

const gain = (task: string, { right }: Point): number => right - before(task);

const noiseOf = (one: Point, other: Point): number => pointsNoise(one.runs, other.runs);

const best = (points: readonly Point[]): Point =>
  points.reduce((top, point) => point.right > top.right ? point : top);

const [near, ...far] = liveTasks;

/** The share of full fine-tuning's gain that counts as recovered, and how many times fewer values it takes. */
const recovered = 0.9, times = 1000;

const thirteen = smallName({ method: "TinyLoRA", rank: 2, values: 13 });

const thirteenOn = (rows: SmallRows, task: string): Point =>
  smallPoints(rows, task, "TinyLoRA").find(({ name }) => name === thirteen)!;

/** Points of a recovered gain. */
const mark = (task: string): number => recovered * gain(task, mapPoint(task, "full"));

const underMark = (rows: SmallRows, task: string): Point =>
  best(
    smallPoints(rows, task, "TinyLoRA").filter(({ trained }) =>
      trained * times <= mapPoint(task, "full").trained
    ),
  );

/** The best LoRA-XS with fewer values than another arm. */
const bestBelow = (rows: SmallRows, task: string, other: Point): Point =>
  best(smallPoints(rows, task, "LoRA-XS").filter(({ trained }) => trained < other.trained));

/** The fewest values of LoRA-XS that are enough for a task; Infinity where none are. */
function neededValues(rows: SmallRows, task: string): number {
  const points = smallPoints(rows, task, "LoRA-XS");
  const most = Math.max(best(points).right, mapPoint(task, "full").right);
  return points.find(({ right }) => right >= most - enoughPoints - rounding)?.trained ?? Infinity;
}

const needText = (rows: SmallRows, task: string): string => {
  const values = neededValues(rows, task), points = smallPoints(rows, task, "LoRA-XS");
  return values === Infinity
    ? `> ${points.at(-1)!.trained.toLocaleString("en")}`
    : values.toLocaleString("en");
};

const shown = ({ trained, right }: Point): string =>
  `${trained.toLocaleString("en")}: ${right.toFixed(1)}%`;

/** Right answers by trained values of every arm of a method. */
const curves = (method: SmallArm["method"]) => (rows: SmallRows): string =>
  `${method}'s values and right answers: ${
    each(liveTasks, (task) => smallPoints(rows, task, method).map(shown).join(", "))
  }.`;

const claims: readonly Claim<SmallRows>[] = [
  {
    text: "On a near task TinyLoRA recovers 90% of the improvement with 1,000 times fewer values",
    rule:
      "when on the near task it has at least 90% of the gain of full fine-tuning with at most a thousandth of its values",
    quote:
      "“we are able to recover 90% of performance improvements while training 1000x fewer parameters” (2602.04118)",
    ours: (rows) => shown(underMark(rows, near)),
    holds: (rows) => gain(near, underMark(rows, near)) >= mark(near) - rounding,
    found: curves("TinyLoRA"),
    note:
      "900 values had 99% in the search, at the same rate, the lowest that was tried, and 0.6% in three runs: not trained well.",
  },
  {
    text: "Thirteen values are too few in supervised training",
    rule:
      "when on every task 13 values have less than 90% of the gain of full fine-tuning, by more than noise",
    quote:
      "“models trained using SFT require 100-1000x larger updates to reach the same performance” (2602.04118)",
    ours: (rows) => each(liveTasks, (task) => `${thirteenOn(rows, task).right.toFixed(1)}%`),
    holds: (rows) =>
      liveTasks.every((task) => {
        const own = thirteenOn(rows, task), full = mapPoint(task, "full");
        return mark(task) - gain(task, own) > noiseOf(own, full);
      }),
    note: "Chance passes this rule, too; nothing was trained by rewards.",
  },
  {
    text: "LoRA-XS matches LoRA of rank 1 on all linear layers with fewer values",
    rule:
      `when on each task some LoRA-XS with fewer values is at most ${parPoints} points below LoRA of rank 1 on all linear layers`,
    quote: "“LoRA-XS consistently outperforms or matches LoRA and VeRA in accuracy” (2405.17604)",
    ours: (rows) =>
      each(liveTasks, (task) => {
        const one = mapPoint(task, "all", 1);
        return `${shown(bestBelow(rows, task, one))} (LoRA ${shown(one)})`;
      }),
    holds: (rows) =>
      liveTasks.every((task) => {
        const one = mapPoint(task, "all", 1);
        return bestBelow(rows, task, one).right >= one.right - parPoints - rounding;
      }),
    found: curves("LoRA-XS"),
    note:
      "On the alphabet 2,048 values are at a rate that the search preferred to a lower one by one answer of 200; its " +
      "loss was higher.",
  },
  {
    text: "Fewer values on all linear layers do better on far tasks than LoRA of rank 1 on q and v",
    rule:
      "when on both far tasks some LoRA-XS with fewer values than LoRA of rank 1 on q and v has more right answers, by more than noise",
    ours: (rows) =>
      each(far, (task) => {
        const one = mapPoint(task, "qv", 1);
        return `${shown(bestBelow(rows, task, one))} (LoRA ${shown(one)})`;
      }),
    holds: (rows) =>
      far.every((task) => {
        const one = mapPoint(task, "qv", 1), small = bestBelow(rows, task, one);
        return small.right - one.right > noiseOf(small, one);
      }),
  },
  {
    text: "The nearer task needs fewer values",
    rule:
      "when the near task needs fewer values of LoRA-XS than each far one, at most a point below the better of full fine-tuning and its best rank",
    ours: (rows) => each(liveTasks, (task) => needText(rows, task)),
    holds: (rows) => far.every((task) => neededValues(rows, near) < neededValues(rows, task)),
    note: "On the alphabet 8,192 is an upper bound, as the rate of 2,048 may be too high.",
  },
];

const runsTable = (rows: SmallRows): DataTable =>
  table({
    id: "below-rank-one",
    title: "Every training below rank 1",
    columns: [
      ["task", "task", "text"],
      ["method", "method", "text"],
      ["name", "arm", "text"],
      ["rank", "r", "count"],
      ...armColumns,
    ],
    rows,
  });

const dashes = ["solid", "dash", "dot"] as const;

/** The curve of each method on a task. */
function linesOf(rows: SmallRows, task: string, dash: (typeof dashes)[number]): Trace[] {
  const [, qv, all] = palette.lora,
    [, , xs, tiny] = palette.series,
    curves = [
      ["LoRA-XS", smallPoints(rows, task, "LoRA-XS"), xs],
      ["TinyLoRA, one vector", smallPoints(rows, task, "TinyLoRA"), tiny],
      ["LoRA on q and v", mapPoints(task, { line: "qv" }), qv],
      ["LoRA on all layers", mapPoints(task, { line: "all" }), all],
    ] as const;
  return curves.map(([name, points, color]) => ({
    ...line(points, ({ trained }) => trained, ({ right }) => right, { color, width: 2, dash }, {
      ...{ name, legendgroup: name, showlegend: task === near },
    }),
    mode: "lines+markers",
    marker: { color, size: 7 },
  }));
}

/** Right answers against trained values: colors are methods, dashes tasks. */
function valuesFigure(rows: SmallRows): Figure {
  const lines = liveTasks.flatMap((task, at) => linesOf(rows, task, dashes[at]));
  const full = liveTasks.map((task) => mapPoint(task, "full"));
  return {
    id: "below-rank-one",
    title: "Right answers by trained values",
    caption:
      "Solid: reverse under a new word; dashed: Caesar's cipher +5; dotted: a random alphabet. 300 steps, a rate " +
      "for each arm, the mean of seeds {seeds} on unseen inputs. LoRA and full fine-tuning are the map's.",
    data: [
      ...lines,
      dots(full, ({ trained }) => trained, ({ right }) => right, {
        color: palette.full,
        size: 10,
      }, { name: "full fine-tuning" }),
    ],
    layout: baseLayout(logAxis("trained values"), axis("right answers (%)", { range: [-3, 103] })),
  };
}

/** Tasks by trained values below those of LoRA of rank 1. */
export const belowRankOne: Experiment = experiment<SmallRun, SmallRows>({
  name: "below-rank-one",
  title: "Below rank 1",
  question:
    "How many trained values does a task need, if LoRA of rank 1 is no lower bound? LoRA-XS and TinyLoRA train a core " +
    "between the leading singular vectors of each weight: from one value for the whole model to 8,192.",
  source: "Bałazy et al. 2024 (2405.17604); Morris et al. 2026 (2602.04118)",
  runs: (context) =>
    planArms(
      smallStudy,
      context.quick ? [smallArms[0], smallArms.at(-1)!] : smallArms,
      context.quick ? studiedTasks.slice(0, 1) : studiedTasks,
      context,
    ),
  quoted: { ...shipped, rows: shipped.rows as unknown as SmallRows },
  rows: (made) => made.map(rowOf),
  settings:
    `The base is models/tiny-skills, with eight linear layers. ${skillSteps} steps of 32 texts, AdamW, a rate that falls ` +
    "to 0 in a line, searched for each arm and task on inputs for validation. TinyLoRA has one vector, which all layers " +
    "share. The rules, committed before the runs, are in experiments/skills/below_rank_one/rules.md.",
  scale: true,
  beyond: true,
  claims,
  tables: [runsTable],
  figures: [valuesFigure],
});
