/** Starts and steps of LoRA at rates of their own, beside the curvature where they begin. @module */

import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  logAxis,
  palette,
  table,
} from "../../../src/figures/mod.ts";
import { type Experiment, experiment, type MadeRun } from "../../frame/mod.ts";
import { armColumns, armRow } from "../arms.ts";
import {
  type CurvatureRow,
  startClaims,
  type StartRow,
  type StartRows,
  type TriedRow,
} from "./claims.ts";
import { curvature, curvatureSettings } from "./curvature.ts";
import { planStarts, startArms, type StartRun, startTasks, triedOf } from "./runs.ts";
import shipped from "./starts.json" with { type: "json" };

const rowOf = (run: MadeRun<StartRun>): StartRow => ({ ...armRow(run), name: run.chosen.arm.name });

/** The rates that the searches tried. */
const triedRows = (): TriedRow[] =>
  startTasks.flatMap(({ task: { name: task } }) =>
    startArms.flatMap(({ name }) =>
      Object.entries(triedOf(task, name)).map(([rate, found]) => ({
        ...{ task, name, learningRate: Number(rate) },
        ...{ right: 100 * (found?.exact ?? 0), loss: found?.loss ?? null },
      }))
    )
  );

const runsTable = ({ runs }: StartRows): DataTable =>
  table({
    id: "starts",
    title: "Starts and steps of LoRA at their own rates",
    columns: [["task", "task", "text"], ["name", "arm", "text"], ...armColumns],
    rows: runs,
  });

const curvaturesTable = ({ curvatures }: StartRows): DataTable =>
  table({
    id: "starts-curvature",
    title: "The largest eigenvalue of the Hessian at the start",
    columns: [
      ["task", "task", "text"],
      ["name", "arm", "text"],
      ["seed", "seed", "count"],
      ["eigenvalue", "λ", "number"],
      ["norm", "‖gradient‖", "number"],
    ],
    rows: curvatures,
  });

const triedTable = ({ tried }: StartRows): DataTable =>
  table({
    id: "starts-rates",
    title: "Every rate that was tried, on inputs for validation",
    columns: [
      ["task", "task", "text"],
      ["name", "arm", "text"],
      ["learningRate", "rate", "number"],
      ["right", "right (%)", "percent"],
      ["loss", "nats per character", "nats"],
    ],
    rows: tried,
  });

/** Best rates against the curvature: a color for each task. */
const curvatureFigure = ({ runs, curvatures }: StartRows): Figure => ({
  id: "starts-curvature",
  title: "The best rate by the curvature at the start",
  caption:
    "Seven starts and forms of LoRA of rank 8, a mark for each seed ({seeds}). If the curvature decided, the best rate " +
    "would fall as 1/λ.",
  data: startTasks.map(({ task }, at) => {
    const own = curvatures.filter((row) => row.task === task.name);
    const rateOf = ({ name }: CurvatureRow) =>
      runs.find((row) => row.task === task.name && row.name === name)!.learningRate;
    const style = { color: palette.series[at], size: 8 };
    return dots(own, ({ eigenvalue }) => eigenvalue, rateOf, style, { name: task.name });
  }),
  layout: baseLayout(logAxis("largest eigenvalue λ"), logAxis("best rate")),
});

/** Right answers of each arm. */
const rightFigure = ({ runs }: StartRows): Figure => ({
  id: "starts",
  title: "Right answers, each at its own rate",
  caption:
    "LoRA of rank 8 on all linear layers after a short training; a mark for each seed ({seeds}).",
  data: startTasks.map(({ task, steps }, at) =>
    dots(
      runs.filter((row) => row.task === task.name),
      ({ name }) => name,
      ({ right }) => right,
      { color: palette.series[at], size: 8 },
      { name: `${task.name}, ${steps} steps` },
    )
  ),
  layout: baseLayout(axis("arm"), axis("right answers (%)", { range: [-3, 103] })),
});

/** Starts and steps of LoRA. */
export const starts: Experiment = experiment<StartRun, StartRows>({
  name: "starts",
  title: "Starts and steps of LoRA",
  question:
    "Nine variants of LoRA begin elsewhere, are scaled otherwise or take other steps. Do they tie once each has its " +
    "rate, and does the curvature where they begin say which?",
  source:
    "Lee et al. 2026 (2602.04998); Wang et al. 2024 (2407.05000); Zhang and Pilanci 2024 (2402.02347)",
  runs: (context) =>
    planStarts(startArms, context.quick ? startTasks.slice(0, 1) : startTasks, context),
  quoted: { ...shipped, rows: shipped.rows as unknown as StartRows },
  rows: async (made, { device, quick }) => {
    const curvatures: CurvatureRow[] = [];
    const how = quick ? { ...curvatureSettings, batches: 1, products: 2 } : curvatureSettings;
    for (const { chosen: { arm, task, repeat } } of made) {
      if (arm.training) continue; // Its curvature is plain LoRA's.
      const { value: eigenvalue, norm } = await curvature(device, task, arm, repeat, how);
      curvatures.push({ task: task.name, name: arm.name, seed: repeat, eigenvalue, norm });
    }
    return { runs: made.map(rowOf), curvatures, tried: triedRows() };
  },
  settings:
    "models/tiny-skills, rank 8 and α = 16 on all linear layers, AdamW, 32 texts in a step, a rate that falls to 0 in a " +
    "line; the rate of each arm on each task is the best of factors of 2 by the loss of two searches. The rules, " +
    "committed before the runs, are in experiments/skills/starts/rules.md.",
  scale: true,
  beyond: true,
  claims: startClaims.map((claim) => ({ ...claim, quick: false })),
  tables: [runsTable, curvaturesTable, triedTable],
  figures: [rightFigure, curvatureFigure],
});
