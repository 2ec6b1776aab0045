/** Is rank 1 enough for a policy gradient? REINFORCE, groups and supervised training from one start. Decision 0069 has the rules. @module */

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
import type { Device } from "../../../src/device/device.ts";
import { type Experiment, experiment, type MadeRun } from "../../frame/mod.ts";
import { reportedTexts, scoreTexts } from "../runs.ts";
import { curveOf, policyClaims, type PolicyRows, rise } from "./claims.ts";
import { stepAnswers } from "./policy.ts";
import {
  gradients,
  lineName,
  lines,
  planPolicies,
  policyArms,
  policyName,
  type PolicyRun,
  policySteps,
  signalNames,
} from "./runs.ts";
import shipped from "./reinforce.json" with { type: "json" };
import { curveSteps, openWarmBase, policyTask, warmStart } from "./training.ts";

/** The rows of runs. */
async function policyRows(
  made: readonly MadeRun<PolicyRun>[],
  device: Device,
): Promise<PolicyRows> {
  using base = await openWarmBase(device);
  const texts = (made[0].metrics as { texts: number }).texts;
  const { exact } = await scoreTexts(base, reportedTexts(policyTask, texts));
  return made.map((run) => rowOf(run, 100 * exact));
}

function rowOf({ chosen: { arm, repeat, rate }, metrics }: MadeRun<PolicyRun>, before: number) {
  const { exact, sampled, loss, texts, trained } = metrics as Record<string, number>;
  const curve = (metrics.curve as readonly number[]).map((reward) => (100 * reward).toFixed(1));
  return {
    ...{ ...arm, name: policyName(arm), seed: repeat, ...rate, trained, before },
    ...{ right: 100 * exact, sampled: 100 * sampled, loss, texts, curve: curve.join(" ") },
  };
}

const runsTable = (rows: PolicyRows): DataTable =>
  table({
    id: "reinforce",
    title: "Every training by rewards, and by answers that are shown",
    columns: [
      ["name", "arm", "text"],
      ["signal", "signal", "text"],
      ["line", "trained", "text"],
      ["rank", "r", "count"],
      ["seed", "seed", "count"],
      ["learningRate", "rate", "number"],
      ["end", "end of the grid", "text"],
      ["trained", "trained values", "count"],
      ["before", "before (%)", "percent"],
      ["right", "right (%)", "percent"],
      ["sampled", "samples right (%)", "percent"],
      ["loss", "nats per character", "nats"],
      ["texts", "answers", "count"],
      ["curve", `rewards of ${curveSteps} steps each (%)`, "text"],
    ],
    rows,
  });

/** Of the arms in their order: LoRA by rank, q and v alone, full fine-tuning. */
const colors = [...palette.lora, palette.series[3], palette.full];

/** Lines of one signal: the mean reward of the seeds by the answers that were sampled. */
function signalTraces(rows: PolicyRows, signal: (typeof gradients)[number]): Trace[] {
  const isFirst = signal === gradients[0];
  return lines.flatMap((arm, at) => {
    const runs = rows.filter((row) =>
      row.signal === signal && row.line === arm.line && row.rank === arm.rank
    );
    if (runs.length === 0) return [];
    const curves = runs.map(curveOf), name = lineName(arm);
    const points = curves[0].map((_, place) => ({
      answers: stepAnswers * curveSteps * (place + 0.5),
      reward: mean(curves.map((curve) => curve[place])),
    }));
    const style = {
      color: colors[at],
      width: 2,
      dash: arm.line === "qv" ? "dot" : "solid",
    } as const;
    const place = isFirst ? {} : { xaxis: "x2", yaxis: "y2" };
    return [
      line(points, ({ answers }) => answers, ({ reward }) => reward, style, {
        ...{ name, legendgroup: name, showlegend: isFirst, ...place },
      }),
    ];
  });
}

/** Rewards while training, a panel for each policy gradient. */
function rewardFigure(rows: PolicyRows): Figure {
  const range = { range: [-3, 103] } as const;
  const [one, other] = gradients.map((signal) =>
    axis(`answers that were sampled, ${signalNames[signal]}`)
  );
  return {
    id: "reinforce",
    title: "Right samples while training by rewards",
    caption:
      "From one start; LoRA with α = 32 on all linear layers, dotted: on q and v. The mean of seeds {seeds} and of ten " +
      `steps of ${stepAnswers} samples. Left: REINFORCE, with the mean of a step as baseline; right: groups of eight.`,
    data: gradients.flatMap((signal) => signalTraces(rows, signal)),
    layout: {
      ...baseLayout(one, axis("right samples (%)", range), { height: 420 }),
      xaxis: { ...one, domain: [0, 0.48] },
      xaxis2: { ...other, domain: [0.52, 1] },
      yaxis2: { ...axis("", range), anchor: "x2", showticklabels: false },
    },
  };
}

const question =
  "A reward tells one bit of an answer. Is LoRA of rank 1 then as good as full fine-tuning, and are fewer values " +
  "enough than in supervised training on as many answers?";

/** Rank 1 by rewards. */
export const reinforce: Experiment = experiment<PolicyRun, PolicyRows>({
  name: "reinforce",
  title: "Rank 1 in reinforcement learning",
  question,
  source:
    "Schulman et al. 2025; against it Khan et al. 2026 (2601.06677), Yin et al. 2025 (2512.23165)",
  runs: (context) => planPolicies(policyArms, context),
  quoted: { ...shipped, rows: shipped.rows as unknown as PolicyRows },
  rows: (made, { device }) => policyRows(made, device),
  settings:
    `The base is models/tiny-skills after ${warmStart.steps} steps of full fine-tuning on ${warmStart.words} words of the ` +
    `random alphabet. ${policySteps} steps of ${stepAnswers} answers, AdamW, a rate that falls to 0 in a line, searched for ` +
    "each arm. The rules, committed before the runs, are in experiments/skills/reinforce/rules.md.",
  scale: true,
  beyond: true,
  claims: policyClaims,
  tables: [runsTable],
  figures: [rewardFigure],
});

/** Steps of the run that every job makes. */
const hereSteps = 30;

/** A short training by rewards, in seconds. */
export const reinforceHere: Experiment = experiment<PolicyRun, PolicyRows>({
  name: "reinforce-here",
  seconds: 5,
  title: "Rank 1 by rewards, trained in this job",
  question: "Does a reward alone teach LoRA of rank 1, in a few seconds?",
  source: "Schulman et al. 2025",
  runs: ({ seeds, quick }) => {
    const sizes = quick ? { steps: 2, measured: 20 } : { steps: hereSteps, measured: 200 };
    return planPolicies(policyArms.slice(0, 1), { seeds: seeds.slice(0, 1), quick }, sizes);
  },
  rows: (made, { device }) => policyRows(made, device),
  seeds: "{seed}",
  settings:
    `REINFORCE, r = 1 on all linear layers, ${hereSteps} steps of ${stepAnswers} answers; all else as in the experiment ` +
    "that is quoted before.",
  scale: true,
  beyond: true,
  claims: [{
    text: "Rewards alone teach LoRA of rank 1",
    rule:
      "when the mean reward of the last ten steps is above that of the first ten by two standard errors of the answers",
    ours: ([row]) => {
      const { first, last } = rise(row, stepAnswers * curveSteps);
      return `${first.toFixed(1)}%, then ${last.toFixed(1)}%`;
    },
    holds: ([row]) => {
      const { first, last, noise } = rise(row, stepAnswers * curveSteps);
      return last - first > noise;
    },
  }],
  tables: [(rows) => ({ ...runsTable(rows), id: "reinforce-here" })],
});
