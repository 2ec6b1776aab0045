/** Rules of what is forgotten, in the order of rules.md. @module */

import { mean } from "../../../src/core/numbers.ts";
import { marginBelow, parPoints, rounding, signed } from "../../differences.ts";
import { type Claim, intervalOf } from "../../frame/mod.ts";
import type { ScaledPart } from "../../intruders.ts";
import { type Arm, liveTasks } from "../needed_rank/runs.ts";
import {
  changeWithin,
  type Compared,
  difference,
  type ForgettingRow,
  type ForgettingRows,
  ownOf,
  scaledOf,
  seedsOf,
} from "./rows.ts";
import { forgettingArms, forgettingSteps, rateShares, scaledSteps } from "./runs.ts";

/** Right answers in percent from which a task is learned, and the steps before which little is forgotten. */
const learnedRight = 95, early = 30;

const loras = forgettingArms.filter(({ rank }) => rank), [full] = forgettingArms.slice(-1);

const [lowest, ...higher] = loras, highest = higher.at(-1)!;

/** `r = 4`, or `full`. */
const rankText = ({ rank }: Arm): string => rank ? `r = ${rank}` : "full fine-tuning";

const eachRank = (text: (arm: Arm) => string): string =>
  loras.map((arm) => `${rankText(arm)} ${text(arm)}`).join(", ");

/** `-1.20 ± 0.31`. */
const byText = ({ by, noise }: { readonly by: number; readonly noise: number }): string =>
  `${signed(by, 2)} ± ${noise.toFixed(2)}`;

const isAbove = ({ by, noise }: { readonly by: number; readonly noise: number }): boolean =>
  by > noise;

/** Loss on the own texts after full fine-tuning beyond that of a rank, at the searched rates. */
const beyondLora = (rows: ForgettingRows, arm: Arm) =>
  difference(
    liveTasks.map((task) => ({
      one: ownOf(seedsOf(rows, arm, { task })),
      other: ownOf(seedsOf(rows, full, { task })),
    })),
  );

/** The losses of the cell that learned a task and forgot the least; undefined where none learned it. */
function leastForgotten(rows: ForgettingRows, arm: Arm, task: string): number[] | undefined {
  const cells = forgettingSteps.flatMap((steps) =>
    rateShares.map((share) => seedsOf(rows, arm, { task, steps, share }))
  );
  const learned = cells.filter((runs) => mean(runs.map(({ right }) => right)) >= learnedRight)
    .map(ownOf);
  return learned.toSorted((one, other) => mean(one) - mean(other))[0];
}

/** The tasks that both have learned. */
const atEqual = (rows: ForgettingRows, arm: Arm): Compared[] =>
  liveTasks.flatMap((task) => {
    const one = leastForgotten(rows, arm, task), other = leastForgotten(rows, full, task);
    return one && other ? [{ one, other }] : [];
  });

const leastText = (rows: ForgettingRows, arm: Arm): string =>
  liveTasks.map((task) => leastForgotten(rows, arm, task))
    .map((losses) => losses ? mean(losses).toFixed(2) : "not learned").join(", ");

/** Loss on the own texts at r = 64 beyond that at r = 1. */
const beyondLowest = (rows: ForgettingRows) =>
  difference(
    liveTasks.map((task) => ({
      one: ownOf(seedsOf(rows, lowest, { task })),
      other: ownOf(seedsOf(rows, highest, { task })),
    })),
  );

/** Loss on the own texts of an arm after 300 steps beyond that after 30. */
const beyondEarly = (rows: ForgettingRows, arm: Arm) =>
  difference(
    liveTasks.map((task) => ({
      one: ownOf(seedsOf(rows, arm, { task, steps: early })),
      other: ownOf(seedsOf(rows, arm, { task })),
    })),
  );

const intrudersOf = (rows: ForgettingRows, arm: Arm, task: string): number[] =>
  seedsOf(rows, arm, { task }).map(({ intruders }) => intruders!);

const countText = (rows: ForgettingRows, arm: Arm): string =>
  mean(liveTasks.flatMap((task) => intrudersOf(rows, arm, task))).toFixed(1);

/** LoRA's runs of 300 steps at the searched rates, a group for each arm and task. */
const scaledGroups = (rows: ForgettingRows, arms: readonly Arm[]): ForgettingRow[][] =>
  arms.flatMap((arm) => liveTasks.map((task) => seedsOf(rows, arm, { task })));

/** The least scaling: of the intruders by 0.75. */
const slightly = (row: ForgettingRow) => scaledOf(row, "intruders", 0.75);

/** The shares of what was forgotten and of the right answers that are gone with a part of ΔW. */
interface Effect {
  readonly undone: number;
  readonly lost: number;
}

const effectOf = (
  { base }: ForgettingRows,
  row: ForgettingRow,
  part: ScaledPart,
): Effect => {
  const scaled = scaledOf(row, part, 0);
  return {
    undone: (row.own - scaled.own) / (row.own - base.own),
    lost: (row.right - scaled.right) / row.right,
  };
};

/** The effects of a part, of the ranks that can have another part, of every seed. */
const effects = (rows: ForgettingRows, part: ScaledPart): Effect[][] => {
  const own = scaledGroups(rows, higher).flat();
  return [...Map.groupBy(own, ({ seed }) => seed).values()]
    .map((runs) => runs.map((row) => effectOf(rows, row, part)));
};

const balance = (all: readonly Effect[]): number =>
  mean(all.map(({ undone, lost }) => undone - lost));

/** The intruders' balance less the control's, for each seed. */
function aboveControl(rows: ForgettingRows): number[] {
  const control = effects(rows, "control").map(balance);
  return effects(rows, "intruders").map((own, at) => balance(own) - control[at]);
}

const effectText = (rows: ForgettingRows, part: ScaledPart): string => {
  const all = effects(rows, part).flat(),
    percent = (read: (one: Effect) => number) => `${(100 * mean(all.map(read))).toFixed(0)}%`;
  return `${percent(({ undone }) => undone)} undone, ${percent(({ lost }) => lost)} lost`;
};

/** Half of the 95% interval of their mean. */
const intervalAbove = (rows: ForgettingRows): number => {
  const each = aboveControl(rows);
  return intervalOf(marginBelow(0, mean(each), each));
};

const shuttleworth = "(2410.21228, abstract)";

/** The rules. */
export const forgettingClaims: readonly Claim<ForgettingRows>[] = [
  {
    text: "LoRA forgets less than full fine-tuning",
    rule:
      "when after 300 steps at the searched rates the loss on the base's own texts is lower with each rank than with " +
      "full fine-tuning, on the mean of the tasks, by more than noise",
    quote:
      "“LoRA better maintains the base model's performance on tasks outside the target domain” (2405.09673, abstract)",
    ours: (rows) => `full minus LoRA: ${eachRank((arm) => byText(beyondLora(rows, arm)))} nats`,
    holds: (rows) => loras.every((arm) => isAbove(beyondLora(rows, arm))),
    found: (rows) =>
      `The base has ${rows.base.own.toFixed(3)} nats and ${
        rows.base.ownRight.toFixed(1)
      }% right; after 300 steps ${
        [...loras, full].map((arm) => `${rankText(arm)} ${keptText(rows, arm)}`).join("; ")
      }.`,
    note:
      "At these rates, which were searched for the new task alone, every arm has forgotten nearly all. At a quarter of them " +
      "31 to 44% of the base's answers are kept.",
  },
  {
    text: "At as much learned, LoRA forgets less",
    rule:
      `when of the steps and rates that have at least ${learnedRight}% of a task right the one that forgot the least ` +
      "forgot less with each rank than with full fine-tuning, on the mean of the tasks, by more than noise",
    quote:
      "not so: “LoRA and full finetuning seem to occupy the same Pareto curve” (2405.09673, section 4.3)",
    ours: (rows) =>
      `full minus LoRA: ${eachRank((arm) => byText(difference(atEqual(rows, arm))))} nats`,
    holds: (rows) =>
      loras.every((arm) => {
        const tasks = atEqual(rows, arm);
        return tasks.length > 0 && isAbove(difference(tasks));
      }),
    found: (rows) =>
      `The least loss on the base's texts by task: ${
        [...loras, full].map((arm) => `${rankText(arm)} ${leastText(rows, arm)}`).join("; ")
      } nats.`,
    note:
      "r = 16 is within the noise of full fine-tuning. All of these cells have a quarter of the rate. On both far tasks " +
      "r = 1, 4 and 16 are compared after 300 steps, r = 64 and full fine-tuning after 100.",
  },
  {
    text: "The lower the rank, the less is forgotten",
    rule:
      "when r = 1 forgets less than r = 64 after 300 steps at the searched rates, on the mean of the tasks, by more than noise",
    ours: (rows) => `r = 64 minus r = 1: ${byText(beyondLowest(rows))} nats`,
    holds: (rows) => isAbove(beyondLowest(rows)),
  },
  {
    text: "More steps forget more",
    rule:
      `when every arm at its searched rate has forgotten more after ${scaledSteps} steps than after ${early}, on the mean of ` +
      "the tasks, by more than noise",
    ours: (rows) =>
      `${eachRank((arm) => byText(beyondEarly(rows, arm)))}, full ${
        byText(beyondEarly(rows, full))
      } nats`,
    holds: (rows) => forgettingArms.every((arm) => isAbove(beyondEarly(rows, arm))),
  },
  {
    text: "LoRA has more intruder dimensions than full fine-tuning",
    rule:
      "when after 300 steps at the searched rates each rank has more, in every task and seed, than full fine-tuning has in " +
      "any seed of that task",
    quote:
      "“weight matrices trained with LoRA have new, high-ranking singular vectors, which we call intruder dimensions, " +
      `while those trained with full fine-tuning do not” ${shuttleworth}`,
    ours: (rows) =>
      `${eachRank((arm) => countText(rows, arm))}, full ${
        countText(rows, full)
      } of 120, means of runs`,
    holds: (rows) =>
      liveTasks.every((task) => {
        const most = Math.max(...intrudersOf(rows, full, task));
        return loras.every((arm) => intrudersOf(rows, arm, task).every((count) => count > most));
      }),
  },
  {
    text:
      "With tasks of right answers a low rank has more intruder dimensions: r = 1 more than r = 64",
    rule: "when r = 1 has more than r = 64 in every task and seed, of 10 in each of 12 weights",
    ours: (rows) => `${countText(rows, lowest)} at r = 1, ${countText(rows, highest)} at r = 64`,
    holds: (rows) =>
      liveTasks.every((task) =>
        Math.min(...intrudersOf(rows, lowest, task)) > Math.max(...intrudersOf(rows, highest, task))
      ),
    note: "One direction can make one intruder in a weight, 12 in all; W itself turns a little.",
  },
  {
    text: "Intruders scaled by 0.75 undo forgetting at almost no cost",
    rule:
      "when the loss on the base's own texts falls by more than noise, on the mean of tasks and ranks, and right answers to " +
      `the new task by at most ${parPoints} points`,
    quote:
      "“scaling them down significantly improves modeling of the pre-training distribution with a minimal drop in " +
      `downstream task performance” ${shuttleworth}`,
    ours: (rows) => `${byText(slightFall(rows))} nats, ${signed(-slightCost(rows), 1)} points`,
    holds: (rows) => isAbove(slightFall(rows)) && slightCost(rows) <= parPoints + rounding,
    note:
      "Their part of ΔW is scaled, where the paper changes singular values of W + ΔW. No other part was scaled by 0.75: this " +
      "rule has no control, and the next one has.",
  },
  {
    text: "Forgetting is in the intruders, more than in other parts of ΔW",
    rule:
      "when with them taken out the share of what was forgotten that is undone, less the share of right answers that is " +
      "lost, is larger than with as much of ‖ΔW‖ taken out along random directions of ΔW, at r = 4, 16 and 64, for every " +
      "seed, and on average by more than the seeds' 95% interval",
    quote: `“its forgetting is vastly localized to the intruder dimension” ${shuttleworth}`,
    ours: (rows) =>
      `${effectText(rows, "intruders")}; without as much of ΔW ${effectText(rows, "control")}`,
    holds: (rows) => {
      const each = aboveControl(rows);
      return each.every((above) => above > 0) && mean(each) > intervalAbove(rows);
    },
    found: (rows) =>
      `Above the control: ${
        aboveControl(rows).map((above) => signed(100 * above, 0)).join(", ")
      } points, of which the mean is known to ± ${(100 * intervalAbove(rows)).toFixed(0)}.`,
    note:
      "Undecided, and in favor of the intruders. At r = 64 they are cheap: 33% undone for 1% lost, where the control has 58% " +
      "for 35%; at r = 4 not: 83% for 86%, and 92% for 94%.",
  },
];

/** `3.18 nats and 9% right`. */
function keptText(rows: ForgettingRows, arm: Arm): string {
  const runs = liveTasks.flatMap((task) => seedsOf(rows, arm, { task }));
  return `${mean(ownOf(runs)).toFixed(2)} nats and ${
    mean(runs.map(({ ownRight }) => ownRight)).toFixed(1)
  }% right`;
}

/** The fall of the loss on the own texts where intruders are scaled slightly. */
const slightFall = (rows: ForgettingRows) =>
  changeWithin(
    scaledGroups(rows, loras).map((runs) => runs.map((row) => row.own - slightly(row).own)),
  );

/** The points of right answers that it costs. */
const slightCost = (rows: ForgettingRows): number =>
  changeWithin(
    scaledGroups(rows, loras).map((runs) => runs.map((row) => row.right - slightly(row).right)),
  ).by;
