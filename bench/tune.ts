/**
 * Measures which program is the fastest for each product of a linear layer with LoRA on the WebGPU adapter at hand, and
 * keeps it by the adapter's name: `deno task tune`.
 *
 * @module
 */

import { parseArgs } from "node:util";
import type { ProductSize } from "../kernels/kernel.ts";
import { matmul, onePair, productPrograms } from "../kernels/matmul/kernel.ts";
import { assertKnownOptions } from "../src/core/checks.ts";
import { DeviceError } from "../src/core/errors.ts";
import { Random } from "../src/core/random.ts";
import { Scope, type Tensor } from "../src/device/mod.ts";
import {
  adapterName,
  findUsableAdapter,
  type OpenedAdapter,
  requestDevice,
} from "../src/device/webgpu/adapter.ts";
import {
  checkTuned,
  sizeKey,
  type TunedAdapters,
  type TunedProduct,
} from "../src/device/webgpu/tuned.ts";
import { WebgpuDevice } from "../src/device/webgpu/webgpu_device.ts";
import { readJson, writeJsonAtomic } from "../src/storage/files.ts";
import { kindOf } from "../src/storage/storage.ts";
import { countOf, runCommand } from "./command.ts";

const usage =
  `Measures the fastest program for each product of a linear layer with LoRA on the WebGPU adapter.

deno task tune [--widths 768,2048] [--tokens 1,128,1024] [--ranks 8,64] [--rounds 5] [--out tuned.json]

  --widths  features of the layer, in and out
  --tokens  rows of a batch
  --ranks   ranks of LoRA
  --rounds  times that each program is run, in turns; the least time counts
  --out     the file; what it has of other adapters and sizes stays

With LOWRANK_TUNED=tuned.json the webgpu device runs each product by the program that was the fastest for the nearest
size. Results are those of the other programs but for the order of sums, in the last bits. Products are measured one at
a time, of F32 and of square layers, with operands that stay in the GPU's cache where they fit.`;

// What is measured.

/** The products of x Wᵀ + x Aᵀ Bᵀ, of their gradients by x, A and B, and of full fine-tuning's by W. */
export function layerProducts(tokens: number, width: number, rank: number): ProductSize[] {
  const forward = { transposeA: 0, transposeB: 1 }, byInput = { transposeA: 0, transposeB: 0 };
  const byWeight = { transposeA: 1, transposeB: 0 };
  return [
    { m: tokens, n: width, k: width, ...forward }, // x Wᵀ
    { m: tokens, n: rank, k: width, ...forward }, // h = x Aᵀ
    { m: tokens, n: width, k: rank, ...forward }, // h Bᵀ
    { m: tokens, n: width, k: width, ...byInput }, // dy W
    { m: tokens, n: rank, k: width, ...byInput }, // dh = dy B
    { m: tokens, n: width, k: rank, ...byInput }, // dh A
    { m: width, n: width, k: tokens, ...byWeight }, // dyᵀ x
    { m: rank, n: width, k: tokens, ...byWeight }, // dhᵀ x
    { m: width, n: rank, k: tokens, ...byWeight }, // dyᵀ h
  ];
}

/** The products of all layers and batches, each once. */
export function allProducts(
  { widths, tokens, ranks }: Record<"widths" | "tokens" | "ranks", readonly number[]>,
): ProductSize[] {
  const all = widths.flatMap((width) =>
    tokens.flatMap((rows) => ranks.flatMap((rank) => layerProducts(rows, width, rank)))
  );
  return new Map(all.map((size) => [sizeKey(size), size])).values().toArray();
}

// The search.

/** The least times of a product, in ms, by program. */
export interface MeasuredProduct extends TunedProduct {
  /** The program where nothing is tuned. */
  readonly untuned: string;
  /** By program; those that were far too slow have fewer turns. */
  readonly times: Readonly<Record<string, number>>;
}

/** Another program is taken where its least time is below this share of that of the untuned one. */
const clearlyFaster = 0.95;

/** A program, but for the untuned one, has no further turn where its least time is above this multiple of the best. */
const tooSlow = 3;

/** Runs each program in turns and keeps the fastest; the first, the untuned one, where none is clearly faster. */
export async function fastestFor(
  size: ProductSize,
  programs: readonly string[],
  rounds: number,
  time: (size: ProductSize, program: string) => Promise<number>,
): Promise<MeasuredProduct> {
  const [untuned] = programs;
  const times = Object.fromEntries(programs.map((program) => [program, Infinity]));
  const best = () => Math.min(...Object.values(times));
  const isOut = (program: string) => program !== untuned && times[program] > tooSlow * best();
  for (let round = 0; round < rounds; round++) {
    // Every other round backwards, so that none is always first.
    for (const program of round % 2 ? programs.toReversed() : programs) {
      if (round > 0 && isOut(program)) continue;
      times[program] = Math.min(times[program], await time(size, program));
    }
  }
  const fastest = programs.find((program) => times[program] === best())!;
  const program = times[fastest] < clearlyFaster * times[untuned] ? fastest : untuned;
  return { ...size, program, untuned, times };
}

/** Earlier products and later ones, which take the place of earlier ones of their size. */
export const mergedProducts = (
  earlier: readonly TunedProduct[],
  later: readonly TunedProduct[],
): TunedProduct[] =>
  new Map([...earlier, ...later].map((product) => [sizeKey(product), product])).values().toArray();

// On the adapter.

/** A product is launched again for about so long, in ms, so that a GPU at rest wakes up; the least launch counts. */
const turnMs = 5;

/** The most launches of a turn. */
const mostLaunches = 64;

/** Times products by the adapter's own clock, each by the program that is asked for. */
class ProductClock implements Disposable {
  /** The adapter's name. */
  readonly name: string;
  /** Programs that it may run. */
  readonly programs: readonly string[];
  readonly #device: WebgpuDevice;
  readonly #choice: { program: string };
  readonly #scope: Scope;
  #operands: readonly Tensor[] = [];

  private constructor({ gpu, traits }: OpenedAdapter, name: string) {
    const choice = { program: "" }, fastestProduct = () => choice.program;
    this.name = name;
    this.programs = productPrograms(traits);
    this.#choice = choice;
    this.#device = new WebgpuDevice({ gpu, traits: { ...traits, fastestProduct } }, name);
    this.#scope = new Scope(this.#device);
  }

  /**
   * Opens the adapter.
   *
   * @throws {DeviceError} when there is none.
   */
  static async open(): Promise<ProductClock> {
    const adapter = await findUsableAdapter();
    if (!adapter) throw new DeviceError("tuning needs a WebGPU adapter, found none");
    return new ProductClock(await requestDevice(adapter), adapterName(adapter.info));
  }

  /** True for a product that the adapter can hold and a device would not cut. */
  fits({ m, n, k }: ProductSize): boolean {
    const { maxBindingBytes, maxLaunchFlops } = this.#device;
    return 4 * Math.max(m * k, k * n, m * n) <= maxBindingBytes && 2 * m * n * k <= maxLaunchFlops;
  }

  /** Makes room for the operands of the largest of some products. */
  allocate(products: readonly ProductSize[]): void {
    const most = Math.max(...products.flatMap(({ m, n, k }) => [m * k, k * n, m * n]));
    const random = new Random(1);
    const values = Float32Array.from({ length: most }, () => random.normal());
    this.#operands = ["a", "b", "c"].map((label) => {
      const tensor = this.#scope.allocate([most], "f32", "activation", label);
      this.#device.write(tensor, values); // zeros would take less power, and so less time
      return tensor;
    });
  }

  /**
   * Returns the least time of a product, compiled and run once before, in ms.
   *
   * @throws {DeviceError} when the adapter's clock does not tell it.
   */
  async time({ m, n, k, transposeA, transposeB }: ProductSize, program: string): Promise<number> {
    const [a, b, c] = this.#operands, bindings = { a, b, a2: a, b2: a, bias: a, c };
    const scalars = {
      ...{ m, n, k, transposeA, transposeB, ...onePair, alpha: 1, hasBias: 0, accumulate: 0 },
      ...{ aOffset: 0, bOffset: 0, cOffset: 0 },
      ...{ aStride: transposeA ? m : k, bStride: transposeB ? k : n, cStride: n },
    };
    this.#choice.program = program;
    const launch = () => this.#device.launch(matmul, bindings, scalars);
    await this.#device.compile(launch);
    const first = await this.#least(1, launch);
    return await this.#least(Math.min(mostLaunches, Math.ceil(turnMs / first)), launch);
  }

  async #least(count: number, launch: () => void): Promise<number> {
    const { launches } = await this.#device.trace(() => {
      for (let i = 0; i < count; i++) launch();
    });
    const least = Math.min(...launches.map(({ time }) => time));
    if (least > 0) return least;
    throw new DeviceError(`tuning needs a clock that tells launches apart, found ${least} ms`);
  }

  /** Frees the operands and the device. */
  [Symbol.dispose](): void {
    this.#scope[Symbol.dispose]();
    this.#device[Symbol.dispose]();
  }
}

// The command.

const text = { type: "string" } as const;
const known = {
  widths: { ...text, default: "768,2048" },
  tokens: { ...text, default: "1,128,1024" },
  ranks: { ...text, default: "8,64" },
  rounds: { ...text, default: "5" },
  out: { ...text, default: "tuned.json" },
};

const lettersOf = ({ transposeA, transposeB }: ProductSize): string =>
  [transposeA, transposeB].map((transposed) => transposed ? "T" : "N").join("");

/** `128 x 8 x 768 NT  direct 8 x 8    0.12 ms (0.2 untuned)  13 GFLOP/s  3.2 GB/s`. */
function lineOf(measured: MeasuredProduct): string {
  const { m, n, k, program, untuned, times } = measured, least = times[program];
  const [before, flops, bytes] = [
    times[untuned],
    2e-6 * m * n * k / least,
    4e-6 * (m * k + k * n + m * n) / least,
  ].map((value) => Number(value.toPrecision(3)));
  const size = `${m} x ${n} x ${k} ${lettersOf(measured)}`.padEnd(22);
  const time = `${Number(least.toPrecision(3))} ms (${before} untuned)`.padEnd(28);
  return `${size}${program.padEnd(16)}${time}${flops} GFLOP/s, ${bytes} GB/s`;
}

/** Measurements of all adapters in a file; none where it is not there. */
const tunedIn = async (path: string): Promise<TunedAdapters> =>
  await kindOf(path) ? checkTuned(path, await readJson(path)) : {};

/** Measures each product, prints it, and adds it to a file. */
export async function tune(args: readonly string[]): Promise<void> {
  const { out, rounds, ...lists } = parseArguments(args);
  const before = await tunedIn(out), all = allProducts(lists);
  using clock = await ProductClock.open();
  const products = all.filter((size) => clock.fits(size)), left = all.length - products.length;
  if (products.length === 0) {
    const rule = `tuning needs a product that ${clock.name} takes in one launch`;
    throw new RangeError(`${rule}, found none of ${all.length}: give smaller --widths or --tokens`);
  }
  if (left > 0) console.log(`${left} of ${all.length} left out: too large for one launch`);
  await writeJsonAtomic(out, before); // so that a path where nothing can be written ends this now
  clock.allocate(products);
  console.log(`${clock.name}: m x n x k, layouts of A and B, least times of ${rounds} turns`);
  let kept = before[clock.name] ?? [];
  for (const size of products) {
    const measured = await fastestFor(size, clock.programs, rounds, clock.time.bind(clock));
    kept = mergedProducts(kept, [measured]);
    await writeJsonAtomic(out, { ...before, [clock.name]: kept });
    console.log(lineOf(measured));
  }
  console.log(`wrote ${out}: LOWRANK_TUNED=${out} uses it on ${clock.name}`);
}

/** Options of the command; nothing has run yet. */
function parseArguments(args: readonly string[]) {
  assertKnownOptions(args, Object.keys(known));
  const { widths, tokens, ranks, rounds, out } =
    parseArgs({ args: [...args], options: known }).values;
  const counts = (name: string, list: string) => list.split(",").map((one) => countOf(name, one));
  return {
    widths: counts("--widths", widths),
    tokens: counts("--tokens", tokens),
    ranks: counts("--ranks", ranks),
    ...{ rounds: countOf("--rounds", rounds), out },
  };
}

if (import.meta.main) await runCommand(usage, tune);
