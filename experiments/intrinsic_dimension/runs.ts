/** Runs of the intrinsic dimension: perceptrons on digits, what is trained of them, and the search of rates. @module */

import type { HostTensor } from "../../src/core/tensor.ts";
import { type Digits, loadDigits, rowBatches } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { accuracyOf, countTrainable, outputsOf, Perceptron } from "../../src/models/mod.ts";
import type { JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";
import { digitBatch, digitPerceptron, trainDigits } from "../digit_bases.ts";
import { type PlanContext, planRun } from "../frame/mod.ts";
import { chooseMost, type ChosenRate, type TriedRates } from "../methods/rates.ts";
import { type RateGrid, searchRates, searchSeed } from "../rate_search.ts";
import found from "./learning_rates.json" with { type: "json" };

/** The trained values: all, those of a random subspace, or LoRA's. */
export type Line = "full" | "subspace" | "lora";

/** A perceptron, and what it begins with. */
export interface Start {
  /** Width of both hidden layers. */
  readonly width: number;
  /** A perceptron that reads upright digits, which learns digits on their side. Default: random weights, upright digits. */
  readonly base?: "upright";
}

/** One way to train a perceptron. */
export interface Arm extends Start {
  /** The way. */
  readonly line: Line;
  /** The dimension of the subspace, or the rank; 0 where all is trained. */
  readonly size: number;
}

/** Widths of the perceptrons; the paper's is the second. */
export const widths = [100, 200, 400] as const;

/** Dimensions of the subspaces. */
export const dimensions = [128, 256, 362, 512, 724, 1024] as const;

/** Dimensions of the subspaces where a perceptron reads upright digits already. */
export const fewDimensions = [16, 32, 64, 128, 256, 512, 1024] as const;

/** Ranks of LoRA, on the paper's perceptron. */
export const ranks = [1, 2, 4] as const;

/** The arms of a start: its baseline, subspaces, and LoRA of some ranks. */
const armsOf = (
  start: Start,
  dimensions: readonly number[],
  ranks: readonly number[] = [],
): Arm[] => [
  { ...start, line: "full", size: 0 },
  ...dimensions.map((size): Arm => ({ ...start, line: "subspace", size })),
  ...ranks.map((size): Arm => ({ ...start, line: "lora", size })),
];

/** Everything that is trained, for each seed. */
export const arms: readonly Arm[] = [
  ...widths.flatMap((width) => armsOf({ width }, dimensions)),
  ...ranks.map((size): Arm => ({ width: 200, line: "lora", size })),
  ...armsOf({ width: 200, base: "upright" }, fewDimensions, ranks),
];

/** `width 200, d = 724`. */
export const armName = ({ width, base, line, size }: Arm): string =>
  `width ${width}${base ? " from a base" : ""}, ${
    line === "full" ? "all values" : `${line === "lora" ? "r" : "d"} = ${size}`
  }`;

/** True for the same arm. */
export const isSame = (one: Arm) => (other: Arm): boolean => armName(one) === armName(other);

/** A seed that no other arm has: of a repeat, from 1, or of the search, 0. */
export const armSeed = (arm: Arm, repeat: number): number =>
  seedAt(arms.findIndex(isSame(arm)), repeat);

const seedAt = (place: number, repeat: number): number =>
  repeat === 0 ? searchSeed + place : 10_000 * repeat + place;

function methodOf({ line, size }: Arm): MethodSpec {
  if (line === "full") return { kind: "full" };
  const targetModules = "all-linear";
  return line === "subspace"
    ? { kind: "subspace", dimension: size, targetModules }
    : { kind: "lora", rank: size, alpha: size, targetModules };
}

// The digits.

/** Digits to train on, and others to measure. */
interface Part {
  readonly train: Digits;
  readonly measured: Digits;
}

let digits: ReturnType<typeof loadDigits> | undefined;

/** All digits for training, with those that are held out; for the search an eighth of the former in their place. */
async function readDigits(isSearch: boolean): Promise<Part> {
  const { train, heldOut } = await (digits ??= loadDigits(28));
  if (!isSearch) return { train, measured: heldOut };
  const part = (isWanted: (index: number) => boolean) => {
    const indices = [...train.labels.keys()].filter(isWanted), [, pixels] = train.images.shape;
    const data = new Float32Array(indices.length * pixels);
    const imageOf = (at: number) => train.images.data.subarray(at * pixels, (at + 1) * pixels);
    indices.forEach((at, i) => data.set(imageOf(at), i * pixels));
    const images = { shape: [indices.length, pixels], data };
    return { images, labels: Uint8Array.from(indices, (at) => train.labels[at]) };
  };
  return { train: part((index) => index % 8 !== 5), measured: part((index) => index % 8 === 5) };
}

/** The same digits on their side: turned by 90 degrees. */
function turned({ images: { shape, data }, labels }: Digits): Digits {
  const out = new Float32Array(data.length), side = 28;
  for (let at = 0; at < data.length; at++) {
    const pixel = at % shape[1], row = Math.floor(pixel / side), column = pixel % side;
    out[at - pixel + column * side + (side - 1 - row)] = data[at];
  }
  return { images: { shape, data: out }, labels };
}

/** Logits whose softmax is 1 on the label, within F32: a divergence from them is a cross-entropy. */
function labelLogits({ labels }: Digits): HostTensor {
  const data = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => data[10 * i + label] = 30);
  return { shape: [labels.length, 10], data };
}

// The runs.

/** Steps from a random start and from a base. */
export const armSteps = 800, adaptedSteps = 400;

/** A run. */
export interface ArmRun {
  /** The way to train. */
  readonly arm: Arm;
  /** The repeat, which chooses the seed; 0 is the search. */
  readonly repeat: number;
  /** Rate. */
  readonly rate: ChosenRate;
}

const shapeOf = ({ width }: Start) => ({ widths: [784, width, width, 10], biases: true });

/** The base of a repeat, which all of its arms share. */
const baseOf = (repeat: number, steps: number) => ({
  ...{ seed: seedAt(arms.length, repeat), steps, learningRate: rateOf(arms[baseArm]).learningRate },
});

/** The baseline of the paper's perceptron, whose rate the bases have. */
const baseArm = arms.findIndex(({ width, line }) => width === 200 && line === "full");

const bases = new Map<string, Promise<HostTensor[]>>();

/** A new perceptron with the weights of a repeat's base, which is trained once. */
async function openBase(device: Device, arm: Arm, repeat: number, steps: number) {
  const base = { ...baseOf(repeat, steps), shape: shapeOf(arm) }, key = `${base.seed} ${steps}`;
  const { train } = await readDigits(repeat === 0), known = bases.get(key);
  const weights = known ?? trainDigits(device, base, train.images, labelLogits(train));
  bases.set(key, weights);
  return digitPerceptron(device, base, await weights);
}

/** One run. */
function planArm(chosen: ArmRun, quick: boolean): PlannedRun<ArmRun> {
  const { arm, repeat, rate: { learningRate } } = chosen, seed = armSeed(arm, repeat);
  const baseSteps = quick ? 10 : armSteps, steps = quick ? 10 : arm.base ? adaptedSteps : armSteps;
  const digits = async (part: keyof Part) => {
    const own = (await readDigits(repeat === 0))[part];
    return arm.base ? turned(own) : own;
  };
  const split = repeat === 0 ? "validation" : "held out";
  return planRun({
    ...{ label: `${armName(arm)}, seed ${seed}`, steps, chosen },
    spec: ({ kind: device }) => ({
      model: { kind: "perceptron", ...shapeOf(arm) },
      method: methodOf(arm),
      data: {
        ...{ kind: "digits", pixels: 784, batch: digitBatch, split },
        ...arm.base && { turned: 90, base: baseOf(repeat, baseSteps) },
      },
      training: { objective: "kl-divergence", learningRate, steps, schedule: "cosine" },
      ...{ seed, device },
    }),
    open: (device) => ({
      openModel: () =>
        arm.base
          ? openBase(device, arm, repeat, baseSteps)
          : Perceptron.init(device, shapeOf(arm), seed),
      openBatches: async () => {
        const train = await digits("train");
        return rowBatches(train.images, labelLogits(train), digitBatch, seed);
      },
      measure: async (model: Perceptron) => {
        const { images, labels } = await digits("measured");
        const accuracy = accuracyOf(await outputsOf(model, images), labels);
        return { accuracy, trained: countTrainable(model) };
      },
    }),
  });
}

/** The runs of some arms, for each seed. */
export const planArms = (
  of: readonly Arm[],
  { seeds, quick }: PlanContext,
): PlannedRun<ArmRun>[] =>
  seeds.flatMap((repeat) => of.map((arm) => planArm({ arm, repeat, rate: rateOf(arm) }, quick)));

// Their rates.

/** The arm whose rate serves an arm: of the subspaces of a start two are searched, for small ones and for the others. */
function searchedFor(arm: Arm): Arm {
  if (arm.line !== "subspace") return arm;
  const [small, large, from] = arm.base ? [64, 512, 256] : [256, 724, 512];
  return { ...arm, size: arm.size < from ? small : large };
}

const tried = found.tried as Readonly<Record<string, TriedRates>>;

const rateOf = (arm: Arm): ChosenRate => chooseMost(tried[armName(searchedFor(arm))]);

/** The rates that a line's search tries. */
const grids: Readonly<Record<Line, RateGrid>> = {
  full: { first: [0.001, 0.002, 0.004], factor: 2, most: 5 },
  subspace: { first: [0.03, 0.06, 0.12], factor: 2, most: 5 },
  lora: { first: [0.003, 0.01, 0.03], factor: 3, most: 5 },
};

/** Tries the rates of every searched arm on digits for validation. */
export async function searchDimension(context: RunContext): Promise<JsonRecord> {
  const searched = arms.filter((arm) => isSame(arm)(searchedFor(arm)));
  const results: Record<string, JsonRecord> = {};
  for (const arm of searched) {
    const planned = (learningRate: number) =>
      planArm({ arm, repeat: 0, rate: { learningRate } }, false);
    const found = { planned, read: ({ accuracy }: JsonRecord) => accuracy, best: chooseMost };
    results[armName(arm)] = await searchRates<number>(grids[arm.line], found, context);
  }
  return { split: "validation", steps: armSteps, tried: results };
}
