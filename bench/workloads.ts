/** Timed workloads, in numbers that every contender, Python included, makes alike. @module */

/** Names of the workloads; a fresh process runs one of them. */
export const workloads = [
  "matmul",
  "low_rank",
  "lora_linear",
  "gpt_full",
  "gpt_lora",
  "pretrain",
  "generate",
] as const;

/** One of {@link workloads}. */
export type Workload = typeof workloads[number];

/** A GPT-2 with its batch. */
export interface GptSize {
  readonly vocabulary: number;
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly batch: number;
  readonly time: number;
}

/** The tiny GPT of the comparisons. */
export const tinyGpt: GptSize = {
  ...{ vocabulary: 128, width: 128, layers: 2, heads: 4, batch: 8, time: 64 },
};

/** The base that `models/tiny-gpt2` was pretrained as. */
export const base: GptSize = {
  ...{ vocabulary: 1024, width: 256, layers: 2, heads: 8, batch: 16, time: 64 },
};

/** The adapted layer: x (tokens, width), W (width, width). */
export const layer = { tokens: 256, width: 768, rank: 8, scaling: 2 } as const;

/** Adam's rate; α / r of every adapter is 2. */
export const learningRate = 1e-3;

/** Rank of the adapters on `c_attn`. */
export const rank = 8;

/** Greedy generation. */
export const generation = { prompt: 8, tokens: 48 } as const;

/**
 * Timed steps that are waited for one by one, and blocks of ten. A training step gets faster for about 50 steps, as
 * V8 compiles its kernels and its JavaScript with more care; nobody trains for six.
 */
export const repeats: Readonly<Record<Workload, { readonly each: number; readonly tens: number }>> =
  {
    matmul: { each: 40, tens: 3 },
    low_rank: { each: 20, tens: 24 },
    lora_linear: { each: 40, tens: 4 },
    gpt_full: { each: 60, tens: 4 },
    gpt_lora: { each: 60, tens: 4 },
    pretrain: { each: 20, tens: 1 },
    generate: { each: 20, tens: 0 },
  };

/** A hash and no generator, so that NumPy makes the same numbers at once. */
export function hashes(seed: number, count: number): Uint32Array {
  return new Uint32Array(count).map((_, i) => {
    let h = (i + Math.imul(seed + 1, 0x9e3779b9)) >>> 0;
    h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
    h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
    return h ^ (h >>> 16);
  });
}

/** Values even in [-scale, scale). */
export function values(seed: number, count: number, scale = 1): Float32Array<ArrayBuffer> {
  return Float32Array.from(hashes(seed, count), (h) => (h / 2 ** 31 - 1) * scale);
}

/** Token ids. */
export function tokens(seed: number, count: number, vocabulary: number): Uint32Array<ArrayBuffer> {
  return Uint32Array.from(hashes(seed, count), (h) => h % vocabulary);
}

/** Inputs and targets of the one batch. */
export function batchOf({ batch, time, vocabulary }: GptSize) {
  const count = batch * time;
  return { inputs: tokens(901, count, vocabulary), targets: tokens(902, count, vocabulary) };
}

/** A parameter by Hugging Face name, linear weights as (out, in). */
export interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

/** All parameters; the place in the list is the seed. */
export function gptEntries({ vocabulary, width, layers, time }: GptSize): Entry[] {
  const shapes: [string, number[]][] = [["wte.weight", [vocabulary, width]], ["wpe.weight", [
    time,
    width,
  ]]];
  const module = (name: string, ...shape: number[]) =>
    shapes.push([`${name}.weight`, shape], [`${name}.bias`, [shape[0]]]);
  for (let i = 0; i < layers; i++) {
    module(`h.${i}.ln_1`, width);
    module(`h.${i}.attn.c_attn`, 3 * width, width);
    module(`h.${i}.attn.c_proj`, width, width);
    module(`h.${i}.ln_2`, width);
    module(`h.${i}.mlp.c_fc`, 4 * width, width);
    module(`h.${i}.mlp.c_proj`, width, 4 * width);
  }
  module("ln_f", width);
  return shapes.map(([name, shape], seed) => ({ name, shape, data: initial(name, shape, seed) }));
}

function initial(name: string, shape: readonly number[], seed: number): Float32Array<ArrayBuffer> {
  const size = shape.reduce((a, b) => a * b);
  if (shape.length === 1) return new Float32Array(size).fill(name.endsWith("weight") ? 1 : 0);
  return values(seed, size, /^w[tp]e/.test(name) ? 0.1 : 1 / Math.sqrt(shape[1]));
}

/** A and B of each `c_attn`; B is not zero, so that A has a gradient from the first step on. */
export function loraEntries({ width, layers }: GptSize): Entry[] {
  return Array.from({ length: layers }, (_, i): Entry[] => [
    {
      name: `h.${i}.A`,
      shape: [rank, width],
      data: values(300 + i, rank * width, 1 / Math.sqrt(width)),
    },
    { name: `h.${i}.B`, shape: [3 * width, rank], data: values(400 + i, 3 * width * rank, 0.02) },
  ]).flat();
}

/** Tensors of the adapted layer, and what y is to be. */
export function layerEntries() {
  const { tokens, width, rank } = layer, root = 1 / Math.sqrt(width);
  return {
    x: { name: "x", shape: [tokens, width], data: values(1, tokens * width) },
    W: { name: "W", shape: [width, width], data: values(2, width * width, root) },
    A: { name: "A", shape: [rank, width], data: values(3, rank * width, root) },
    B: { name: "B", shape: [width, rank], data: values(4, width * rank, 0.02) },
    target: { name: "target", shape: [tokens, width], data: values(5, tokens * width) },
  };
}

/** The three layouts of a training step: x Wᵀ, dy W, dyᵀ x. */
export const layouts = ["NT", "NN", "TN"] as const;

/** Extents of the square products. */
export const extents = [256, 512, 1024] as const;

/** Multiplications and additions of one step, to hold against the roof; frozen weights cost 2 of 3. */
export function flopsOf(name: string): number | undefined {
  const extent = name.match(/^matmul (\d+)/)?.[1];
  if (extent) return 2 * Number(extent) ** 3;
  if (name === "gpt_full") return gptFlops(tinyGpt, 6);
  if (name === "gpt_lora") return gptFlops(tinyGpt, 4);
  if (name === "pretrain") return gptFlops(base, 6);
  // Neither W nor x has a gradient here, so the large product runs once.
  const { tokens, width } = layer;
  return name === "lora_linear" || name.startsWith("low_rank")
    ? 2 * tokens * width * width
    : undefined;
}

function gptFlops({ batch, time, width, layers, vocabulary }: GptSize, factor: number): number {
  return factor * batch * time * (12 * layers * width ** 2 + vocabulary * width);
}
