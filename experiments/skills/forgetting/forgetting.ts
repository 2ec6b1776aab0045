/** Forgetting: the base's own skills after an adapter, by steps, rate and rank, and with intruders scaled. @module */

import { mean } from "../../../src/core/numbers.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  type Figure,
  line,
  palette,
  table,
  type Trace,
} from "../../../src/figures/mod.ts";
import { type Experiment, experiment } from "../../frame/mod.ts";
import { shares } from "../../intruders.ts";
import { type Arm, armName, liveTasks } from "../needed_rank/runs.ts";
import { forgettingClaims } from "./claims.ts";
import shipped from "./forgetting.json" with { type: "json" };
import { type Both, type ForgettingRows, forgettingRows, scaledOf, seedsOf } from "./rows.ts";
import { forgettingArms, type ForgettingRun, forgettingSteps, planForgetting } from "./runs.ts";

const runsTable = ({ runs }: ForgettingRows): DataTable =>
  table({
    id: "forgetting",
    title: "Every training: the new task, and what the base knew",
    columns: [
      ["task", "task", "text"],
      ["arm", "arm", "text"],
      ["steps", "steps", "count"],
      ["share", "share of the rate", "number"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["trained", "trained values", "count"],
      ["right", "new task, right (%)", "percent"],
      ["own", "base's own texts, nats", "nats"],
      ["ownRight", "base's own texts, right (%)", "percent"],
      ["size", "‖ΔW‖ / ‖W‖", "number"],
      ["intruders", "intruders of 120", "count"],
    ],
    rows: runs,
  });

const scaledTable = ({ runs }: ForgettingRows): DataTable =>
  table({
    id: "forgetting-scaled",
    title: "Intruders scaled, and as much of ΔW taken out elsewhere",
    columns: [
      ["task", "task", "text"],
      ["arm", "arm", "text"],
      ["rateShare", "share of the rate", "number"],
      ["seed", "seed", "count"],
      ["held", "intruders' share of ‖ΔW‖²", "number"],
      ["part", "part", "text"],
      ["share", "multiplied by", "number"],
      ["right", "new task, right (%)", "percent"],
      ["own", "base's own texts, nats", "nats"],
      ["ownRight", "base's own texts, right (%)", "percent"],
    ],
    rows: runs.flatMap(({ task, arm, share: rateShare, seed, held, scaled = [] }) =>
      scaled.map((one) => ({ task, arm, rateShare, seed, held, ...one }))
    ),
  });

/** Colors of the ranks, in their order, and of full fine-tuning. */
const colors = [...palette.lora, palette.series[3], palette.full];

const colorOf = (arm: Arm): string => colors[forgettingArms.indexOf(arm)];

const shortName = ({ rank }: Arm): string => rank ? `r = ${rank}` : "full fine-tuning";

/** Places of a panel's axes in a row of several. */
const panelOf = (at: number) => at === 0 ? "" : `${at + 1}`;

/** The mean of several models on the new task and on the base's own texts. */
const meanOf = (all: readonly Both[]): Pick<Both, "right" | "ownRight"> => ({
  right: mean(all.map(({ right }) => right)),
  ownRight: mean(all.map(({ ownRight }) => ownRight)),
});

/** A line through models: right answers to the new task, and kept ones. */
const traceOf = (
  points: readonly Pick<Both, "right" | "ownRight">[],
  arm: Arm,
  at: number,
  dash: "solid" | "dot",
): Trace => ({
  ...line(points, ({ right }) => right, ({ ownRight }) => ownRight, {
    ...{ color: colorOf(arm), width: 2, dash },
  }, {
    ...{ name: shortName(arm), legendgroup: shortName(arm) },
    ...{ showlegend: at === 0 && dash === "solid" },
    ...{ xaxis: `x${panelOf(at)}`, yaxis: `y${panelOf(at)}` },
  }),
  mode: "lines+markers",
  marker: { color: colorOf(arm), size: 7 },
});

/** The tasks in a word, as titles of narrow panels. */
const shortTasks = ["reverse", "cipher +5", "alphabet"];

/** A row of panels that share the axis of kept answers. */
function panelLayout(titles: readonly string[]): Figure["layout"] {
  const width = 1 / titles.length, gap = 0.05, range = [-3, 103] as const;
  const axes = titles.map((title, at) => {
    const domain = [at * width + (at === 0 ? 0 : gap / 2), (at + 1) * width - gap / 2];
    const kept = at === 0 ? "the base's own, right (%)" : "";
    return {
      [`xaxis${panelOf(at)}`]: { ...axis(`${title} (%)`, { range }), domain },
      [`yaxis${panelOf(at)}`]: {
        ...axis(kept, { range }),
        ...{ anchor: `x${panelOf(at)}`, showticklabels: at === 0 },
      },
    };
  });
  return { ...baseLayout(axis(""), axis(""), { height: 420 }), ...Object.assign({}, ...axes) };
}

/** Kept answers against learned ones, by steps: a panel for each task. */
function paretoFigure(rows: ForgettingRows): Figure {
  const start = { right: 0, ownRight: rows.base.ownRight };
  const data = liveTasks.flatMap((task, at) =>
    forgettingArms.flatMap((arm) =>
      ([[1, "solid"], [0.25, "dot"]] as const).map(([share, dash]) => {
        const ends = forgettingSteps.map((steps) =>
          meanOf(seedsOf(rows, arm, { task, steps, share }))
        );
        return traceOf([start, ...ends], arm, at, dash);
      })
    )
  );
  return {
    id: "forgetting-pareto",
    title: "What is kept of the base's skills, by what is learned",
    caption:
      `Each line begins at the base and goes through trainings of ${
        forgettingSteps.join(", ")
      } steps. Across: right answers to the new task; ` +
      "up and to the right is better. LoRA on all linear layers by rank. Solid: the rates that were searched for the new task; dotted: a quarter of them; " +
      "means of seeds {seeds}, unseen inputs.",
    data,
    layout: panelLayout(shortTasks),
  };
}

/** Kept answers against learned ones, by how much of the intruders is left. */
function scaledFigure(rows: ForgettingRows): Figure {
  const tasks = liveTasks.slice(0, 2);
  const data = tasks.flatMap((task, at) =>
    forgettingArms.flatMap((arm) => {
      const runs = seedsOf(rows, arm, { task });
      const ends = [
        meanOf(runs),
        ...shares.map((share) => meanOf(runs.map((row) => scaledOf(row, "intruders", share)))),
      ];
      const control = meanOf(runs.map((row) => scaledOf(row, "control", 0)));
      return [
        traceOf(ends, arm, at, "solid"),
        {
          ...traceOf([ends[0], control], arm, at, "dot"),
          marker: { color: colorOf(arm), size: 9, symbol: "x" },
        } as Trace,
      ];
    })
  );
  return {
    id: "forgetting-scaled",
    title: "Intruder dimensions scaled down: what comes back, and what is lost",
    caption:
      `Solid: the part of ΔW along intruders multiplied by 1, ${
        shares.join(", ")
      }. Dotted, to the cross: as much of ‖ΔW‖² ` +
      "taken out along random directions of ΔW. Across: right answers to the new task. 300 steps, the searched rates, means of seeds {seeds}.",
    data,
    layout: panelLayout(shortTasks.slice(0, tasks.length)),
  };
}

/** Learning and forgetting. */
export const forgetting: Experiment = experiment<ForgettingRun, ForgettingRows>({
  name: "forgetting",
  title: "What is forgotten",
  question:
    "An adapter learns one task: what does the model still know of the 23 skills that it was trained on, does LoRA keep " +
    "more than full fine-tuning, and is it lost in intruder dimensions?",
  source: "Biderman et al. 2024 (2405.09673); Shuttleworth et al. 2024 (2410.21228)",
  runs: planForgetting,
  quoted: { ...shipped, rows: shipped.rows as unknown as ForgettingRows },
  rows: forgettingRows,
  settings:
    `Arms: ${forgettingArms.map(armName).join("; ")}. ${forgettingSteps.join(", ")} steps of ` +
    "32 texts of the new task alone, each length a training of its own; the base's own texts are 20 unseen inputs of each " +
    "of its skills. The rules, committed before the runs, are in experiments/skills/forgetting/rules.md.",
  scale: true,
  beyond: true,
  claims: forgettingClaims,
  tables: [runsTable, scaledTable],
  figures: [paretoFigure, scaledFigure],
});
