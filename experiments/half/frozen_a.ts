/** B alone on linear teachers: what a random A leaves is known, for inputs and outputs of any shape. @module */

import { leastLoss, reducedRank, updateLoss } from "../../src/analysis/mod.ts";
import { fromTo, mean, standardDeviation } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { linearTask, type ShiftSpectrum, shiftValues } from "../../src/data/mod.ts";
import {
  axis,
  baseLayout,
  type DataTable,
  dots,
  type Figure,
  line,
  palette,
  table,
  type Trace,
} from "../../src/figures/mod.ts";
import {
  type DenseMatrix,
  lq,
  multiply,
  multiplyTransposed,
  orthonormalRows,
  squaredNorm,
  transposed,
} from "../../src/linalg/mod.ts";
import { type Claim, type Experiment, experiment, type PlanContext } from "../frame/mod.ts";
import {
  type LinearResult,
  linearRows,
  type LinearRun,
  planLinear,
} from "../planted/linear_runs.ts";
import { areBest, enough, excessTolerance, excessWords, roundoff } from "../planted/rules.ts";

/** Inputs of all tasks, rank of the flat shift, and draws of A at each rank. */
const width = 64, planted = 4, draws = 100;

/** Ranks of B alone that are drawn, and those that are trained; of these one has the values of LoRA of rank 4. */
const drawnRanks = [4, 8, 16, 32, 61] as const, trainedRanks = [4, 8, 61] as const;

const spectra: Readonly<Record<string, ShiftSpectrum>> = {
  "flat, 4 equal": { kind: "flat", rank: planted },
  "power law, 1/i": { kind: "power", exponent: 1 },
};

const [flat] = Object.keys(spectra), mostRank = trainedRanks[2];

/** Eigenvalues of the second moment of inputs, by their kind. */
const moments: Readonly<Record<string, readonly number[]>> = {
  white: Array.from({ length: width }, () => 1),
  correlated: Array.from({ length: width }, (_, i) => 1 / (i + 1)),
  "8 dimensions": Array.from({ length: width }, (_, i) => Number(i < 2 * planted)),
};

// Students.

/** A student, of whose start no other has the seed. */
function studentsOf(seed: number): LinearRun[] {
  const arms: readonly Pick<LinearRun, "rank" | "freezeA" | "init">[] = [
    { rank: planted },
    ...trainedRanks.map((rank) => ({ rank, freezeA: true })),
    { rank: mostRank, freezeA: true, init: "orthonormal" },
  ];
  return Object.values(spectra).flatMap((shift, at) =>
    (["white", "correlated"] as const).flatMap((inputs, place) =>
      arms.map((arm, i): LinearRun => ({
        ...{ ...arm, seed: 5000 + 100 * seed + 20 * at + 10 * place + i },
        task: { width, shift, norm: 4, inputs, examples: 256, noise: 0, seed },
      }))
    )
  );
}

type Student = ReturnType<typeof studentRow>;

/** A student beside the least loss that its own A allows; losses are shares of the loss before adaptation. */
function studentRow({ task, rank: r, freezeA = false, init = "kaiming", update, A }: LinearResult) {
  const { inputs, residuals } = linearTask(task), rank = r as number;
  const metric = reducedRank(inputs, residuals), before = leastLoss(metric, 0);
  const least = freezeA
    ? before * leftOf(metric.core, lq(multiply(A!, metric.root)).Q)
    : leastLoss(metric, rank);
  const loss = updateLoss(metric, update) / before, best = least / before;
  const spectrum = Object.keys(spectra).find((name) => spectra[name] === task.shift)!;
  return {
    ...{ spectrum, inputs: task.inputs, seed: task.seed, rank, freezeA, init },
    ...{ trained: (freezeA ? 1 : 2) * rank * width, loss, best, excess: loss - best },
  };
}

/** 1 − ‖C Pᵀ‖² / ‖C‖² of orthonormal rows P: what these leave of C. */
const leftOf = (C: DenseMatrix, P: DenseMatrix): number =>
  Math.max(0, 1 - squaredNorm(multiplyTransposed(C, P)) / squaredNorm(C));

// Draws.

/** A teacher in the metric of its inputs, D S^½, (outputs, inputs), with a diagonal S. */
function teacherOf(spectrum: string, inputs: string, outputs: number): DenseMatrix {
  const most = Math.min(outputs, width), random = new Random(2402);
  const [left, right] = [[most, outputs], [most, width]].map(([rows, columns], side) =>
    orthonormalRows(rows, columns, random.split(side))
  );
  const values = shiftValues(spectra[spectrum], width);
  const scaled = right.data.map((value, at) =>
    value * values[Math.floor(at / width)] * Math.sqrt(moments[inputs][at % width])
  );
  return multiply(transposed(left), { ...right, data: scaled });
}

/** κ with Σ λᵢ / (λᵢ + κ) = r, by halving in logarithms; 0 where no more dimensions than r have a moment. */
export function ridgeOf(eigenvalues: readonly number[], rank: number): number {
  if (eigenvalues.filter((value) => value > 0).length <= rank) return 0;
  let [low, high] = [Math.log(1e-12), Math.log(1e6)];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2, κ = Math.exp(middle);
    const sum = eigenvalues.reduce((all, value) => all + value / (value + κ), 0);
    if (sum > rank) low = middle;
    else high = middle;
  }
  return Math.exp(low);
}

/** The share that B alone leaves in the mean over A: 1 − Σ wᵢ λᵢ / (λᵢ + κ) / Σ wᵢ. */
export function shareLeft(
  weights: readonly number[],
  eigenvalues: readonly number[],
  rank: number,
): number {
  const κ = ridgeOf(eigenvalues, rank), total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.reduce(
    (sum, weight, i) => eigenvalues[i] > 0 ? sum + weight * κ / (eigenvalues[i] + κ) : sum,
    0,
  ) / total;
}

/** The same of a teacher D S^½, with wᵢ of its columns. */
export const predictedShare = (
  C: DenseMatrix,
  eigenvalues: readonly number[],
  rank: number,
): number =>
  shareLeft(
    eigenvalues.map((_, i) =>
      mean(Array.from({ length: C.rows }, (_, row) => C.data[row * C.columns + i] ** 2))
    ),
    eigenvalues,
    rank,
  );

/** Mean, its standard error and the largest of some shares. */
function summary(shares: readonly number[]) {
  const error = standardDeviation(shares) / Math.sqrt(shares.length);
  return { left: mean(shares), error, most: Math.max(...shares) };
}

/** A teacher on inputs of a kind. */
interface DrawnCase {
  readonly spectrum: string;
  readonly outputs: number;
}

const squareCases: readonly DrawnCase[] = Object.keys(spectra)
  .map((spectrum) => ({ spectrum, outputs: width }));

const casesOn = (inputs: string): readonly DrawnCase[] =>
  inputs === "8 dimensions" ? squareCases : [...squareCases, { spectrum: flat, outputs: 2 }];

const drawing = () => new Random(16842);

/** Spaces of the rows of A S^½ for drawn A. */
function spacesOf(inputs: string, rank: number): DenseMatrix[] {
  const roots = moments[inputs].map(Math.sqrt), random = drawing();
  return Array.from({ length: draws }, (_, draw) => {
    const { data, ...shape } = orthonormalRows(rank, width, random.split(draw));
    return lq({ ...shape, data: data.map((value, at) => value * roots[at % width]) }).Q;
  });
}

/** Every case at a rank. */
const drawnAt = (rank: number) =>
  Object.keys(moments).flatMap((inputs) => {
    const spaces = spacesOf(inputs, rank);
    return casesOn(inputs).map((one) => drawnRow(one, { inputs, rank, spaces }));
  });

type Drawn = ReturnType<typeof drawnRow>;

/** Shares that B alone leaves on drawn A, and A alone on drawn B; and labels that are wrong by B alone, of the first score. */
function drawnRow(
  { spectrum, outputs }: DrawnCase,
  { inputs, rank, spaces }: { inputs: string; rank: number; spaces: readonly DenseMatrix[] },
) {
  const C = teacherOf(spectrum, inputs, outputs), turned = transposed(C), score = firstRow(C);
  const most = Math.min(rank, outputs), random = drawing();
  const ofA = spaces.map((_, draw) =>
    leftOf(turned, orthonormalRows(most, outputs, random.split(draws + draw)))
  );
  return {
    ...{ spectrum, inputs, outputs, rank, trained: rank * outputs },
    ...summary(spaces.map((P) => leftOf(C, P))),
    formula: predictedShare(C, moments[inputs], rank),
    aAlone: mean(ofA),
    wrong: mean(spaces.map((P) => Math.acos(Math.sqrt(1 - leftOf(score, P))) / Math.PI)),
  };
}

const firstRow = ({ columns, data }: DenseMatrix): DenseMatrix => ({
  ...{ rows: 1, columns, data: data.slice(0, columns) },
});

// Claims.

/** Everything that is measured. */
interface FrozenRows {
  readonly students: readonly Student[];
  readonly drawn: readonly Drawn[];
}

const alone = ({ students }: FrozenRows) =>
  students.filter(({ freezeA, init }) => freezeA && init === "kaiming");

const orthonormalOnWhite = ({ students }: FrozenRows) =>
  students.filter(({ init, inputs }) => init === "orthonormal" && inputs === "white");

/** Square cases on white inputs. */
const onWhite = ({ drawn }: FrozenRows) =>
  drawn.filter(({ inputs, outputs }) => inputs === "white" && outputs === width);

const distance = ({ left, rank }: Drawn): number => Math.abs(left - (1 - rank / width));

/** Standard errors of the mean that are allowed, and the distance from the formula. */
const errors = 4, near = 0.02;

const offFormula = ({ drawn }: FrozenRows): number =>
  Math.max(...drawn.map(({ left, formula }) => Math.abs(left - formula)));

/** Losses of students on the flat shift and white inputs. */
const lossesOf = ({ students }: FrozenRows, freezeA: boolean, rank: number): number[] =>
  students.filter((row) =>
    row.spectrum === flat && row.inputs === "white" && row.freezeA === freezeA && row.rank === rank
  ).map(({ loss }) => loss);

const halfLosses = (rows: FrozenRows) =>
  [planted, 2 * planted].flatMap((rank) => lossesOf(rows, true, rank));

/** Draws on inputs of 8 dimensions at r = 8. */
const ofEight = ({ drawn }: FrozenRows) =>
  drawn.filter(({ inputs, rank }) => inputs === "8 dimensions" && rank === 2 * planted);

const shaped = ({ drawn }: FrozenRows, outputs: number): Drawn =>
  drawn.find((row) =>
    row.spectrum === flat && row.inputs === "correlated" && row.outputs === outputs &&
    row.rank === planted
  )!;

const inherently =
  "“fine-tuning B is inherently more effective than fine-tuning A, and … a random untrained A should perform nearly as " +
  "well as a fine-tuned one” (2402.16842, abstract)";

const claims: readonly Claim<FrozenRows>[] = [{
  text: "B alone reaches the least loss that its own A allows",
  rule: `when (loss - best) / loss before adaptation is at most ${excessTolerance} and at least ` +
    `-${roundoff} for every student whose A is frozen at Kaiming's start`,
  why:
    `At r = ${mostRank} A is nearly square and has small singular values, which 1,000 steps do not undo; below that, and ` +
    "with orthonormal rows, every student is at its optimum.",
  scale: false,
  quick: false,
  ours: (rows) => excessWords(alone(rows)),
  holds: (rows) => areBest(alone(rows)),
}, {
  text: "With an orthonormal A it does, at a rank near the width on white inputs",
  rule:
    `when at r = ${mostRank} on white inputs (loss - best) / loss before is at most ${excessTolerance} and at least ` +
    `-${roundoff} with the orthonormal start`,
  scale: false,
  quick: false,
  ours: (rows) => excessWords(orthonormalOnWhite(rows)),
  holds: (rows) => areBest(orthonormalOnWhite(rows)),
}, {
  text: "With white inputs a random A leaves 1 − r / d of the loss, whatever the shift",
  rule:
    `when the mean of ${draws} draws is within ${errors} standard errors of it for every rank and shift`,
  scale: false,
  ours: (rows) => `off by at most ${Math.max(...onWhite(rows).map(distance)).toFixed(3)}`,
  holds: (rows) => onWhite(rows).every((row) => distance(row) <= errors * row.error + roundoff),
}, {
  text:
    "For any inputs it leaves what the formula says, by an effective ridge κ with Σ λ / (λ + κ) = r",
  rule:
    `when the mean of ${draws} draws is within ${near} of it for every rank, shift and kind of input`,
  scale: false,
  why: "It is a limit of large d and r: at r = 4 and 8 it is too low.",
  ours: (rows) => `off by at most ${offFormula(rows).toFixed(3)}`,
  holds: (rows) => offFormula(rows) <= near,
}, {
  text:
    "On white inputs half of the adapter is not enough, at the same rank nor with as many values",
  rule:
    `when B alone with r = ${planted} and ${
      2 * planted
    } leaves more than half of the loss of a shift of rank ` +
    `${planted}, and LoRA with r = ${planted} at most ${enough}, for every seed`,
  quote: inherently,
  ours: (rows) =>
    `leaves ${fromTo(halfLosses(rows), 2)}, LoRA ${fromTo(lossesOf(rows, false, planted), 4)}`,
  holds: (rows) =>
    Math.min(...halfLosses(rows)) > 0.5 &&
    Math.max(...lossesOf(rows, false, planted)) <= enough,
}, {
  text: "Where inputs have as few dimensions as the rank, B alone leaves nothing",
  rule: "when of inputs of 8 dimensions it leaves at most 1e-9 at r = 8 in every draw",
  scale: false,
  ours: (rows) => `at most ${Math.max(...ofEight(rows).map(({ most }) => most)).toExponential(0)}`,
  holds: (rows) => ofEight(rows).every(({ most }) => most <= 1e-9),
}, {
  text: "Which half is the better one turns with the shape: few outputs turn it",
  rule:
    "when on correlated inputs at r = 4 B alone leaves less than A alone at 64 outputs, and more at 2 outputs",
  scale: false,
  quote: inherently,
  ours: (rows) =>
    [width, 2].map((outputs) => {
      const { left, aAlone } = shaped(rows, outputs);
      return `${outputs} outputs: B alone leaves ${left.toFixed(2)}, A alone ${aAlone.toFixed(2)}`;
    }).join("; "),
  holds: (rows) => {
    const [square, few] = [width, 2].map((outputs) => shaped(rows, outputs));
    return square.left < square.aAlone && few.left > few.aAlone;
  },
}];

const drawnTable = ({ drawn }: FrozenRows): DataTable =>
  table({
    id: "frozen-a",
    title: "The share of the loss that a random A leaves, beside the formula",
    columns: [
      ["inputs", "inputs", "text"],
      ["outputs", "outputs", "count"],
      ["spectrum", "spectrum of D", "text"],
      ["rank", "r", "count"],
      ["trained", "values of B", "count"],
      ["left", "B alone leaves", "share"],
      ["error", "standard error", "share"],
      ["formula", "formula", "share"],
      ["aAlone", "A alone leaves", "share"],
      ["wrong", "wrong labels", "share"],
    ],
    rows: drawn,
  });

const studentsTable = ({ students }: FrozenRows): DataTable =>
  table({
    id: "frozen-a-students",
    title: "Trained students: shares of the loss before adaptation",
    columns: [
      ["spectrum", "spectrum of D", "text"],
      ["inputs", "inputs", "text"],
      ["method", "trained", "text", ({ freezeA }) => freezeA ? "B alone" : "A and B"],
      ["rank", "r", "count"],
      ["init", "start of A", "text"],
      ["seed", "seed", "count"],
      ["trained", "values", "count"],
      ["best", "least loss", "share"],
      ["loss", "measured loss", "share"],
      ["excess", "excess", "share"],
    ],
    rows: students,
  });

/** The formula as a line and the draws as marks, for the flat shift and a kind of input. */
function tracesOf({ drawn }: FrozenRows, inputs: string, color: string): Trace[] {
  const C = teacherOf(flat, inputs, width), eigenvalues = moments[inputs];
  const known = Array.from({ length: width }, (_, i) => ({
    rank: i + 1,
    left: predictedShare(C, eigenvalues, i + 1),
  }));
  const own = drawn.filter((row) =>
    row.spectrum === flat && row.inputs === inputs && row.outputs === width
  );
  const name = `B alone, ${inputs}${inputs === "8 dimensions" ? "" : " inputs"}`;
  return [
    line(known, ({ rank }) => rank, ({ left }) => left, { color, width: 2 }, { name }),
    dots(own, ({ rank }) => rank, ({ left }) => left, { color, size: 9 }, { showlegend: false }),
  ];
}

function shareFigure(rows: FrozenRows): Figure {
  const lora = rows.students.filter(({ spectrum, freezeA }) => spectrum === flat && !freezeA);
  return {
    id: "frozen-a",
    title: "What a random A leaves of a shift of rank 4",
    caption:
      "Lines: the formula; marks: the mean of 100 draws of A. Diamonds: LoRA of rank 4, trained, on white and on " +
      "correlated inputs, seeds {seeds}. 64 inputs and outputs.",
    data: [
      ...Object.keys(moments).flatMap((inputs, at) => tracesOf(rows, inputs, palette.series[at])),
      dots(lora, ({ rank }) => rank, ({ loss }) => loss, {
        ...{ color: palette.series[3], size: 10, symbol: "diamond" },
      }, { name: "A and B, r = 4" }),
    ],
    layout: baseLayout(
      axis("rank", { range: [0, width + 1] }),
      axis("share of the loss that is left", { range: [-0.03, 1.03] }),
      { showlegend: true },
    ),
  };
}

/** Linear teachers for students of which B alone is trained. */
export const frozenA: Experiment = experiment<LinearRun, FrozenRows>({
  name: "frozen-a",
  seconds: 8,
  title: "B alone on linear teachers: what a random A leaves",
  question:
    "When is half of the adapter enough? With A frozen at random B can be the best only on A x, and what is left " +
    "is known: for white inputs 1 − r / d.",
  source: "Zhu et al. 2024 (2402.16842); Zhang et al. 2023 (2308.03303)",
  runs: ({ seeds, quick }: PlanContext) =>
    seeds.flatMap(studentsOf).map((run) => planLinear(run, quick)),
  rows: async (made, context) => ({
    students: await linearRows(studentRow)(made, context),
    drawn: drawnRanks.flatMap(drawnAt),
  }),
  settings:
    "64 inputs, and 64 outputs or 2; D of norm 4. Students as in the linear teachers above: 256 examples in full batches, " +
    "AdamW, α = r. Draws: 100 of A at each rank, with exact second moments. The rules, committed before the runs, are in " +
    "experiments/half/rules.md.",
  scale: true,
  beyond: true,
  claims,
  tables: [drawnTable, studentsTable],
  figures: [shareFigure],
});
