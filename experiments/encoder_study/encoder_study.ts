/** Full fine-tuning against LoRA on a real encoder and three public tasks. @module */

import { mean } from "../../src/core/numbers.ts";
import said from "../../src/paper/printed/claims.json" with { type: "json" };
import { noiseIn, parPoints, signed } from "../differences.ts";
import { type Claim, type Experiment, experiment, LeftOut, type MadeRun } from "../frame/mod.ts";
import { onGlue, ranksOfBoth, ranksOfQuery } from "./printed.ts";
import measured from "./encoder_study.json" with { type: "json" };
import { accuracyFigure, meansTable, runsTable } from "./pictures.ts";
import { studyRateOf } from "./rates.ts";
import { cellOf, compareCells, type Comparison, isLearned, type StudyRow } from "./rows.ts";
import { taskResults } from "./rows.ts";
import { openStudy, planStudy, rankOf, searchedRank, studyMethods, type StudyRun } from "./runs.ts";
import { studySizes } from "./runs.ts";
import { findStudyData, noStudyData, studyTasks } from "./tasks.ts";

type Rows = readonly StudyRow[];

/** A quick run's: one task, a few steps, and few texts measured. */
const quickSizes = { ...studySizes, train: 32, epochs: 1, test: 32 };

function rowOf({ chosen: { task, method, learningRate, seed }, metrics }: MadeRun<StudyRun>) {
  const { accuracy, majority, trained } = metrics as Record<string, number>;
  const rank = rankOf(method), percent = { accuracy: 100 * accuracy, majority: 100 * majority };
  return {
    task: task.name,
    places: method.places,
    rank,
    seed,
    learningRate,
    trained,
    ...percent,
  };
}

/** `TREC −0.4 ± 0.9`. */
const shown = ({ task, points, noise }: Comparison) => `${task} ${signed(points)}${noiseIn(noise)}`;

/** LoRA in some places at the paper's rank, minus full fine-tuning, on each task. */
const againstFull = (rows: Rows, places: "qv" | "all") =>
  taskResults(rows).map((one) =>
    compareCells(one, cellOf(one, places, searchedRank), cellOf(one, "full"))
  );

const ranks = (rows: Rows) =>
  taskResults(rows).map((one) =>
    compareCells(one, cellOf(one, "qv", 1), cellOf(one, "qv", searchedRank))
  );

/** Names, in a sentence, the comparisons that the seeds leave open. */
function undecided(compared: readonly Comparison[]): string {
  if (compared.some(({ noise }) => Number.isNaN(noise))) return "One seed has no noise floor.";
  const open = compared.filter(({ isUndecided }) => isUndecided).map(({ task }) => task);
  const by = `nearer to the mark of ${parPoints} points than the noise floor (±)`;
  return open.length === 0
    ? `None is ${by}.`
    : `Undecided by these seeds, as ${by}: ${open.join(", ")}.`;
}

function parClaim(places: "qv" | "all", text: string): Claim<Rows> {
  return {
    text,
    rule:
      `when on every task LoRA's mean accuracy over the seeds, at r = ${searchedRank} and a rate ` +
      `chosen on other texts, is at most ${parPoints} points below full fine-tuning's, which makes ` +
      "at most half of the errors of the most frequent label",
    ours: (rows) => `${againstFull(rows, places).map(shown).join("; ")} points`,
    holds: (rows) =>
      againstFull(rows, places).every(({ isOnPar }) => isOnPar) &&
      taskResults(rows).every(isLearned),
    found: (rows) => undecided(againstFull(rows, places)),
  };
}

/** Claims of the study on its rows. */
export const studyClaims: readonly Claim<Rows>[] = [
  {
    ...parClaim("qv", "LoRA on q and v is on a par with full fine-tuning on a pretrained encoder"),
    ...said.quality,
    note:
      "Weak: 72 steps are few. On TREC they cut full fine-tuning short, in transformers as well, " +
      "which gets 64%, 75% and 81% right with the same texts and rate where we get 74%, 82% and " +
      "83%. A guess: at its small rate the new head stays behind. With nearly all of TREC it was " +
      "ahead in PyTorch (97.0% against 95.8%; one seed, LoRA's rate not searched).",
    headline: {
      place: 4,
      row: "the same on a real encoder, MiniLM-L6",
      bars: (rows) =>
        (["qv", "full"] as const).map((places) => {
          const rank = places === "qv" ? searchedRank : undefined;
          const share = mean(taskResults(rows).map((one) => cellOf(one, places, rank).accuracy));
          const label = places === "qv" ? "LoRA (q, v)" : "full fine-tuning";
          return { label, value: share, text: `mean ${share.toFixed(1)}% right` };
        }),
    },
    paper: onGlue,
  },
  {
    ...parClaim("all", "LoRA on every linear layer is on a par with it, too"),
    beyond: true,
    note:
      "Of its three rates the lowest was best on both tasks that were searched, so a still lower " +
      "one may be better.",
  },
  {
    text: "Table 6: on a pretrained encoder, a rank of one suffices for q and v",
    rule:
      `when on every task r = 1 is at most ${parPoints} points of accuracy below r = ${searchedRank}`,
    ...said.table6,
    why: "TREC decides, where the seeds of r = 1 differ by ten points. A guess: the rate was " +
      "searched at r = 8, and 72 steps are few for a rank of one.",
    paper: [ranksOfBoth],
    contrary: [ranksOfQuery],
    ours: (rows) => `${ranks(rows).map(shown).join("; ")} points`,
    holds: (rows) => ranks(rows).every(({ isOnPar }) => isOnPar),
    found: (rows) => undecided(ranks(rows)),
  },
];

/** Full fine-tuning against LoRA on MiniLM-L6, if LOWRANK_DATA has it and the tasks. */
export const encoderStudy: Experiment = experiment<StudyRun, Rows>({
  name: "encoder-study",
  title: "Full fine-tuning against LoRA on a real encoder",
  question: "Is LoRA on a par with full fine-tuning where the base knows a lot? MiniLM-L6, a " +
    "pretrained encoder of 22.7 million parameters, learns to classify questions (TREC), sentences " +
    "on films by whether they give an opinion (SUBJ), and film reviews (SST-2).",
  source: "Hu et al. 2021, section 5.2 and table 2 (GLUE with RoBERTa), at small scale",
  async runs({ seeds, quick }) {
    const data = await findStudyData();
    if (!data) return [];
    const study = openStudy(data, quick ? quickSizes : studySizes);
    return studyTasks.slice(0, quick ? 1 : undefined).flatMap((task) =>
      studyMethods.flatMap((method) =>
        seeds.map((seed) => {
          const learningRate = studyRateOf(task, method);
          return planStudy(study, { task, method, learningRate, seed, part: "test" });
        })
      )
    );
  },
  quoted: { ...measured, rows: measured.rows as Rows },
  rows: (made) => made.length > 0 ? made.map(rowOf) : new LeftOut(noStudyData),
  settings:
    `${studySizes.train} training texts of at most ${studySizes.words} words for each task, ` +
    `${studySizes.epochs} passes in batches of ${studySizes.batch}, AdamW, a rate that falls to 0 in a ` +
    "line; the new head is trained beside LoRA, α = r. Rates: the best of three for each method and " +
    `task on ${studySizes.validation} other texts with another seed; those of r = ${searchedRank} serve ` +
    "r = 1, and the best on average of the other two tasks serve SST-2. Scaled down: decision 0021 says " +
    "from what.",
  scale: true,
  claims: studyClaims,
  tables: [meansTable, runsTable],
  figures: [accuracyFigure],
});
