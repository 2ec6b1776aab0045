/** A product with a weight in 4 bits: by its codes, or by way of F32. @module */

import { matmulFourBit } from "../../kernels/four_bit/kernel.ts";
import { FourBitStorage } from "../../src/autograd/four_bit.ts";
import { matrix, multiply } from "../../src/autograd/ops/product.ts";
import { largestDifference, largestOf } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { Scope } from "../../src/device/arena.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { type Figure, linesSlider, table } from "../../src/figures/mod.ts";
import { normalValues } from "../../src/linalg/gaussian.ts";
import { FourBitWeight } from "../../src/nn/mod.ts";
import { dequantize, quantize } from "../../src/quant/mod.ts";
import { formOf } from "../../src/quant/quantized_tensor.ts";
import {
  allHold,
  type Claim,
  type Experiment,
  experiment,
  type ExperimentContext,
  isAtMost,
  ratioOf,
  type TimeRatio,
} from "../frame/mod.ts";
import { clockMet, timedClaim, timeInTurns } from "../frame/turns.ts";

/** Rows of x. */
const counts = [1, 2, 4, 8, 16];

/** The matrices W. */
const shapes = [[768, 768], [3072, 768]] as const;

/** Tolerances: the chosen way's time over that of the better way, and the control's share. */
const mostSlower = 1.25, controlShare = 0.1;

/** Largest difference of the two ways, relative to the largest value. */
const mostDifference = 1e-5;

/** Ways to the same product, the least times in ms. */
export interface ProductRow {
  /** W: `768 x 768`. */
  readonly shape: string;
  /** Rows of x. */
  readonly count: number;
  /** Time by the codes as they are stored. */
  readonly codes: number;
  /** Time by way of F32 in scratch. */
  readonly scratch: number;
  /** Time of the way that `FourBitWeight` chooses. */
  readonly chosen: number;
  /** Time with a weight in F32. */
  readonly plain: number;
  /** The chosen way by each of the two. */
  readonly slower: readonly TimeRatio[];
  /** Ratio of a second measurement of the weight in F32 to the first. */
  readonly control: TimeRatio;
  /** Largest difference of the two ways, of the largest value. */
  readonly difference: number;
}

async function productRows(context: ExperimentContext): Promise<ProductRow[]> {
  const { device, report, quick } = context, rows: ProductRow[] = [];
  const cells = shapes.flatMap((shape) => counts.map((count) => [shape, count] as const));
  for (const [[n, k], count] of quick ? cells.slice(0, 2) : cells) {
    report(rows.length / cells.length, `${count} rows by ${n} x ${k}`);
    rows.push(await productRow(device, [n, k], count, context));
  }
  return rows;
}

async function productRow(
  device: Device,
  [n, k]: Extents,
  m: number,
  { seeds: [seed], quick, full, signal }: ExperimentContext,
): Promise<ProductRow> {
  using scope = new Scope(device);
  const { y, ways } = waysOf(scope, [n, k], m, new Random(seed));
  const work = ways.map((way) => async () => {
    way();
    return (await device.read(y))[0].data;
  });
  const [byCodes, byScratch] = [await work[0](), await work[1]()];
  const times = await timeInTurns(work, quick ? 1 : full ? 120 : 60, signal);
  const [codes, scratch, chosen, plain] = times.map(({ minimum }) => minimum);
  const by = (place: number, other: number) => ratioOf(times[place].each, times[other].each);
  const ratios = { slower: [by(2, 0), by(2, 1)], control: by(4, 3) };
  const difference = largestDifference(byCodes, byScratch) / largestOf(byScratch);
  const least = { codes, scratch, chosen, plain };
  return { shape: `${n} x ${k}`, count: m, ...least, ...ratios, difference };
}

type Extents = readonly [rows: number, columns: number];

/** Ways to y = x Wᵀ: by codes, by way of scratch, as the weight chooses, and with W in F32, twice. */
function waysOf(scope: Scope, [n, k]: Extents, m: number, random: Random) {
  const { device } = scope,
    place = (shape: Extents) => scope.allocate(shape, "f32", "activation", "of a product");
  const quantized = quantize({ shape: [n, k], data: normalValues(n * k, 1, random) });
  const storage = new FourBitStorage(scope, "W", formOf(quantized));
  const weight = FourBitWeight.of(scope, "W", quantized);
  const [W, x, y] = [place([n, k]), place([m, k]), place([m, n])];
  storage.write(quantized);
  device.write(W, dequantize(quantized).data);
  device.write(x, Float32Array.from({ length: m * k }, () => random.normal()));
  const multiplyBy = (W: Tensor) =>
    multiply(matrix(x), matrix(W), matrix(y), { m, n, k, transposeB: true });
  const byCodes = () => {
    using scales = storage.scalesInF32();
    const { packed, values, form: { blockSize } } = storage;
    const bindings = { x, y, packed, values, scales: scales.tensor, bias: x };
    device.launch(matmulFourBit, bindings, { m, n, k, blockSize, hasBias: 0 });
  };
  const byScratch = () => {
    using scales = storage.scalesInF32();
    using own = device.allocate([n, k], "f32", "scratch", "W in F32");
    storage.dequantize(scales, { start: 0, count: n }, own);
    multiplyBy(own);
  };
  const plain = () => multiplyBy(W);
  return { y, ways: [byCodes, byScratch, () => weight.multiply(x, y), plain, plain] };
}

type Rows = readonly ProductRow[];

/** Largest ratio of the chosen way's time to that of the better way. */
const slower = ({ slower }: ProductRow): number => Math.max(...slower.map(({ ratio }) => ratio));

const controlsOf = (rows: Rows): TimeRatio[] => rows.map(({ control }) => control);

const isFaster = timedClaim<Rows>({
  text: "A weight in 4 bits takes the faster of two ways",
  rule:
    `when for both matrices and every number of rows the product takes at most ${mostSlower} times as long as by ` +
    `reading the codes, and as by making W F32 first`,
  ...{ control: "a product in F32 again", share: controlShare, controls: controlsOf },
  scale: true,
  corrected: clockMet,
  ours: (rows) => `at most ${Math.max(...rows.map(slower)).toFixed(2)} times as long`,
  judge: (rows) =>
    allHold(
      rows.flatMap(({ slower }) => slower.map((one) => isAtMost(one, mostSlower, controlShare))),
    ),
  found: (rows) => {
    const cells = rows.map(({ count, shape, codes, scratch }) =>
      `${count} x ${shape}: codes ${codes.toFixed(2)}, scratch ${scratch.toFixed(2)} ms`
    );
    return `${cells.join("; ")}.`;
  },
});

const isSame: Claim<Rows> = {
  text: "Both ways give the same product",
  rule: `when they differ by at most ${mostDifference} of the largest value`,
  ours: (rows) =>
    `differ by at most ${Math.max(...rows.map(({ difference }) => difference)).toExponential(0)}`,
  holds: (rows) => rows.every(({ difference }) => difference <= mostDifference),
};

/** The claims about the product: decisions 0033 and 0026. */
export const productClaims: readonly Claim<Rows>[] = [isFaster, isSame];

/** Time by rows of x, a step of the slider for each matrix. */
const productFigure = (rows: Rows): Figure =>
  linesSlider(
    {
      id: "four-bit-product",
      title: "The time of a product with a weight in 4 bits, by rows of x",
      caption: "The least of the rounds. Dashed: a weight in F32.",
      x: { title: "rows of x", log: true },
      y: { title: "ms" },
      name: "W",
    },
    [...Map.groupBy(rows, ({ shape }) => shape)].map(([shape, own]) => {
      const x = own.map(({ count }) => count);
      const line = (name: string, key: "codes" | "scratch" | "plain", dashed = false) => {
        return { name, x, y: own.map((row) => row[key]), dashed };
      };
      return {
        label: shape,
        lines: [line("codes", "codes"), line("scratch", "scratch"), line("F32", "plain", true)],
      };
    }),
  );

/** Finds the number of rows where the faster way changes. */
export const fourBitProduct: Experiment = experiment<never, Rows>({
  name: "four-bit-product",
  seconds: 5,
  title: "A product with a weight in 4 bits, by its codes or by way of F32",
  question:
    "From how many rows on is it faster to make a weight F32 first than to read its codes in the product?",
  source: "our own question; not in the paper",
  beyond: true,
  rows: (_, context) => productRows(context),
  seeds: "{seed}",
  settings:
    "y = x Wᵀ, W of normal values in NF4 with blocks of 64 and scales in 8 bits; y is read back each time.",
  claims: productClaims,
  tables: [(rows) =>
    table<ProductRow>({
      id: "four-bit-product",
      title: "The least time of a product (ms)",
      columns: [
        ["shape", "W", "text"],
        ["count", "rows of x", "count"],
        ["codes", "by codes (ms)", "time"],
        ["scratch", "by F32 in scratch (ms)", "time"],
        ["chosen", "as chosen (ms)", "time"],
        ["plain", "W in F32 (ms)", "time"],
        ["slower", "chosen by the faster", "number", slower],
        ["control", "W in F32 again, by itself", "number", ({ control }) => control.ratio],
        ["difference", "difference of the ways", "number"],
      ],
      rows,
    })],
  figures: [productFigure],
});
