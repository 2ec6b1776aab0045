/** Rotated digits: real data, and an update whose rank is known. @module */

import { bendOf, neededRank } from "../../src/analysis/mod.ts";
import { klDivergence } from "../../src/autograd/mod.ts";
import { howMany } from "../../src/core/numbers.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import {
  type Digits,
  type DigitSplit,
  loadDigits,
  principalDirections,
  rotate,
  rowBatches,
} from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import {
  axis,
  baseLayout,
  dots,
  line,
  logAxis,
  palette,
  rankCurves,
  table,
} from "../../src/figures/mod.ts";
import { denseOf, difference, multiplyTransposed, singularValues } from "../../src/linalg/mod.ts";
import { accuracyOf, outputsOf, type Perceptron } from "../../src/models/mod.ts";
import type { JsonRecord, RunSpec } from "../../src/runs/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";
import {
  type Experiment,
  experiment,
  type MadeRun,
  type PlanContext,
  planRun,
} from "../frame/mod.ts";
import { digitBatch, digitPerceptron, trainDigits } from "../digit_bases.ts";
import { enough } from "./rules.ts";

/** The shape of base and students. */
const digitShape = { widths: [196, 64, 10], biases: true };

/** Rates of the base and of students; searched on seed 1000, which is reported nowhere. */
const baseRate = 1e-2, studentRate = 3e-2;

/** Reads the digits and trains bases when first asked, and remembers them. */
class DigitSource {
  #data?: ReturnType<typeof readData>;
  readonly #bases = new Map<string, Promise<HostTensor[]>>();

  /** The digits, with the directions that span the planes of rotations. */
  data(): ReturnType<typeof readData> {
    return this.#data ??= readData();
  }

  /** A new copy of the base for the caller, who disposes it; trained in under a second. */
  async openBase(device: Device, seed: number, steps: number): Promise<Perceptron> {
    const base = { shape: digitShape, seed, steps, learningRate: baseRate };
    const key = `${seed} ${steps}`, { train } = (await this.data()).split;
    const known = this.#bases.get(key);
    const weights = known ?? trainDigits(device, base, train.images, labelLogits(train));
    this.#bases.set(key, weights);
    return digitPerceptron(device, base, await weights);
  }
}

async function readData() {
  const split = await loadDigits();
  return { split, directions: principalDirections(split.train.images) };
}

/** Logits of a distribution with 0.9 on the label and a tenth spread over all. */
function labelLogits({ labels }: Digits): HostTensor {
  const gap = Math.log(0.91 / 0.01), data = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => data[10 * i + label] = gap);
  return { shape: [labels.length, 10], data };
}

/** A student of a rotation. */
interface DigitRun {
  readonly planes: number; // planes that are rotated: the exact update has twice that rank
  readonly rank: number; // of the first layer's update
  readonly seed: number; // seed of base, batches and A
}

const degrees = 135;

/** Steps of the base and of every student. */
const longRun = 1000;

/** One run. */
function planDigits(chosen: DigitRun, source: DigitSource, quick: boolean) {
  const { planes, rank, seed } = chosen, steps = quick ? 20 : longRun;
  return planRun({
    ...{ label: `${howMany(planes, "plane")}, r = ${rank}, seed ${seed}`, steps, chosen },
    spec: ({ kind: device }): RunSpec => ({
      model: { kind: "perceptron", ...digitShape },
      method: { kind: "lora", rank, alpha: rank, targetModules: ["layers.0"] },
      data: { kind: "rotated digits", planes, degrees, batch: digitBatch, base: { seed, steps } },
      training: {
        objective: "kl-divergence",
        learningRate: studentRate,
        steps,
        schedule: "cosine",
      },
      ...{ seed, device },
    }),
    open(device) {
      const openBase = () => source.openBase(device, seed, steps);
      /** Rotated images, and the base's outputs for the upright ones. */
      const lesson = async (part: keyof DigitSplit) => {
        const { split, directions } = await source.data(), { images, labels } = split[part];
        using base = await openBase();
        const inputs = rotate(images, directions, planes, degrees);
        return { upright: images, inputs, targets: await outputsOf(base, images), labels };
      };
      return {
        openModel: openBase,
        openBatches: async () => {
          const { inputs, targets } = await lesson("train");
          return rowBatches(inputs, targets, digitBatch, seed);
        },
        measure: async (student: Perceptron) => {
          using base = await openBase();
          return await measure(student, base, await lesson("heldOut"));
        },
      };
    },
  });
}

interface Lesson extends Batch<HostTensor> {
  readonly upright: HostTensor;
  readonly labels: Uint8Array;
}

/**
 * Divergence and accuracy on held-out digits, the divergence before adaptation, and the singular values of
 * D·S^½: what the rotation does to the first layer's outputs.
 */
async function measure(student: Perceptron, base: Perceptron, lesson: Lesson): Promise<JsonRecord> {
  const { inputs, targets, labels } = lesson;
  const divergence = async (model: Perceptron) =>
    (await evaluate(model, [{ inputs, targets }], { loss: klDivergence })).loss;
  return {
    divergence: await divergence(student),
    before: await divergence(base),
    accuracy: accuracyOf(await outputsOf(student, inputs), labels),
    teacherAccuracy: accuracyOf(targets, labels),
    spectrum: await shiftSpectrum(base, lesson),
  };
}

/** D S^½ has the singular values of W₁ (x - R x) over the images, one a row, divided by √images. */
async function shiftSpectrum(base: Perceptron, { upright, inputs }: Lesson): Promise<number[]> {
  const [weight] = await base.device.read(base.linears[0].weight.dense());
  const outputs = multiplyTransposed(
    difference(denseOf(upright), denseOf(inputs)),
    denseOf(weight),
  );
  const scale = 1 / Math.sqrt(outputs.rows);
  return Array.from(singularValues(outputs), (value) => scale * value);
}

/** The students: planes, ranks around twice as many, and every seed. */
function digitRuns({ seeds, full, quick }: PlanContext): DigitRun[] {
  const counts = quick ? [1] : full ? [1, 2, 4, 8] : [1, 2, 4];
  const ranks = (planes: number) =>
    full && !quick ? [1, 2, 4, 8, 16, 32] : [planes, 2 * planes, 4 * planes];
  return seeds.flatMap((seed) =>
    counts.flatMap((planes) => ranks(planes).map((rank) => ({ planes, rank, seed })))
  );
}

type Rows = readonly ReturnType<typeof rowOf>[];

/** A student's outcome; divergences in nats per digit, on held-out digits. */
function rowOf({ chosen, metrics }: MadeRun<DigitRun>) {
  const { divergence, before, accuracy, teacherAccuracy } = metrics as Record<string, number>;
  const spectrum = metrics.spectrum as number[]; // singular values of D·S^½
  const value = divergence / before; // share of the divergence before adaptation
  return { ...chosen, divergence, before, value, accuracy, teacherAccuracy, spectrum };
}

/** Readings of each curve for the rules; a curve is a number of planes and a seed. */
function readings(rows: Rows) {
  const curves = Map.groupBy(rows, ({ planes, seed }) => `${planes} ${seed}`);
  return [...curves.values()].map((curve) => {
    const [{ planes, seed }] = curve, planted = 2 * planes;
    const left = curve.find(({ rank }) => rank === planted)!.value;
    const ranks = curve.map(({ rank }) => rank).join(", ");
    return {
      seed,
      planes,
      planted,
      left,
      ranks,
      bend: bendOf(curve),
      needed: neededRank(curve, enough),
    };
  });
}

const say = (rows: Rows, key: "bend" | "needed") =>
  readings(rows).map((one) => `${one[key] ?? "none"} for r* = ${one.planted} (seed ${one.seed})`)
    .join(", ");

const mostLeft = (rows: Rows) => Math.max(...readings(rows).map(({ left }) => left));
const byPlanes = (rows: Rows) => [...Map.groupBy(rows, ({ planes }) => planes)];

/** The share of the first layer's shift that no update of a rank can make, up to the planted rank. */
function unreachable({ planes, spectrum }: Rows[number]) {
  const energy = (values: readonly number[]) => values.reduce((sum, value) => sum + value ** 2, 0);
  return Array.from({ length: 2 * planes - 1 }, (_, i) => ({
    rank: i + 1,
    value: energy(spectrum.slice(i + 1)) / energy(spectrum),
  }));
}

/** Students of digits whose principal planes are rotated. */
export const rotatedDigits: Experiment = experiment({
  name: "rotated-digits",
  seconds: 6,
  title: "Rotated digits: how the needed rank grows with the task",
  question: "How does the rank that a task needs grow with its difficulty? A digit classifier " +
    "learns to read rotated digits, and only its first layer is adapted: the exact solution has rank " +
    "r* = 2m for m rotated planes.",
  source: "Question left open by Hu et al. 2021, section 7.2",
  runs(context) {
    const source = new DigitSource();
    return digitRuns(context).map((run) => planDigits(run, source, context.quick));
  },
  rows: (made) => made.map(rowOf),
  settings:
    "10,000 digits of 14 x 14 pixels, a fifth held out; a perceptron 196-64-10 with GELU. " +
    "Inputs are rotated by 135° in m planes, each of two neighboring principal directions. AdamW, " +
    "cosine schedule, batches of 128, α = r.",
  scale: true,
  beyond: true,
  claims: [{
    text: "The divergence falls most where the rank reaches 2m, the planted one",
    rule: "when, of all measured doublings of the rank, the one that reaches r* lowers the " +
      `divergence by the largest factor, and at most ${100 * enough}% remains there, for every m ` +
      "and seed",
    brokenInFull:
      "seeds 1 to 3, ranks 1 to 32: the largest fall is at r* for one and two planes, mostly below it for four and eight",
    ours: (rows) => `at rank ${say(rows, "bend")}`,
    holds: (rows) =>
      readings(rows).every(({ bend, planted, left }) => bend === planted && left <= enough),
    found: (rows) =>
      `Remaining at r*: at most ${(100 * mostLeft(rows)).toFixed(2)}%. Ranks measured: ${
        [...new Set(readings(rows).map(({ ranks }) => ranks))].join("; ")
      }.`,
  }, {
    text: "The needed rank grows with the task's difficulty: twice the number of rotated planes",
    rule: `when the lowest measured rank at which at most ${100 * enough}% of the divergence ` +
      "remains is 2m, for every m and seed",
    ours: (rows) => `rank ${say(rows, "needed")}`,
    holds: (rows) => readings(rows).every(({ needed, planted }) => needed === planted),
  }],
  tables: [(rows) =>
    table({
      id: "rotated-digits",
      title: "Students of rotated digits, on held-out digits",
      columns: [
        ["planes", "planes", "count"],
        ["planted", "r*", "count", ({ planes }) => 2 * planes],
        ["rank", "rank", "count"],
        ["seed", "seed", "count"],
        ["before", "divergence before (nats)", "nats"],
        ["divergence", "after (nats)", "share"],
        ["left", "remaining", "percent", ({ value }) => 100 * value],
        ["accuracy", "accuracy", "percent", ({ accuracy }) => 100 * accuracy],
        ["teacherAccuracy", "teacher's accuracy", "percent", (row) => 100 * row.teacherAccuracy],
      ],
      rows,
    })],
  figures: [(rows) => ({
    id: "rotated-digits",
    title: "Divergence from the teacher at each rank",
    caption:
      "One mark for each seed ({seeds}), as a share of the divergence before adaptation, on held-out " +
      "digits; dotted lines join the means. Dashed vertical lines: the rank 2m of the exact " +
      "solution, at or above which the divergence can be zero.",
    ...rankCurves(
      byPlanes(rows).map(([planes, measured]) => {
        const label = `${howMany(planes, "plane")}, r* = ${2 * planes}`;
        return { label, measured, plantedRank: 2 * planes };
      }),
      logAxis("share of the divergence that remains"),
      420,
    ),
  }), (rows) => ({
    id: "rotated-digits-shift",
    title:
      "What no update of a given rank can express: the tail of the shift in the images' metric",
    caption:
      "Computed, not trained: Σ σᵢ² of D·S^½ beyond the rank, as a share of the total, for " +
      "seed {seed}; zero at rank 2m (dashed) and above. The divergence above is smaller at the same " +
      "rank: a student has to restore only the predictions, not the first layer's outputs.",
    ...rankCurves(
      byPlanes(rows).map(([planes, [first]]) => {
        const label = howMany(planes, "plane"), measured = unreachable(first);
        return { label, measured, plantedRank: 2 * planes };
      }),
      logAxis("share of the shift beyond the rank"),
    ),
  }), (rows) => {
    const planes = [...new Set(rows.map((row) => row.planes))];
    const points = readings(rows).filter(({ needed }) => needed !== undefined);
    const marker = { color: palette.series[0], size: 10 }, name = "needed rank";
    return {
      id: "rotated-digits-needed",
      title: "Needed rank by the number of rotated planes",
      caption:
        `The lowest measured rank at which at most ${100 * enough}% of the divergence remains; ` +
        "one mark for each seed ({seeds}). Line: 2m.",
      data: [
        line(planes, (m) => m, (m) => 2 * m, { color: palette.base }, { name: "2m" }),
        dots(points, ({ planes }) => planes, ({ needed }) => needed, marker, { name }),
      ],
      layout: baseLayout(
        axis("rotated planes", { tickvals: planes }),
        axis("needed rank", { rangemode: "tozero" }),
        { height: 320 },
      ),
    };
  }],
});
