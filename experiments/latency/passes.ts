/** The passes that are timed and counted: one base, and what each method makes of it. @module */

import { elementBytes, type Kernel } from "../../kernels/kernel.ts";
import { injectBottleneck, injectLora, type LoraOptions, merge } from "../../src/adapt/mod.ts";
import type { ConfigJson } from "../../src/architectures/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { add } from "../../src/autograd/ops/add.ts";
import { Random } from "../../src/core/random.ts";
import type { AnyBindings, Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { timeForward, type Timing } from "../../src/inspect/mod.ts";
import { allocateModel, type TextModel } from "../../src/models/mod.ts";
import { shareBase } from "../../src/runs/mod.ts";

/** The sizes of a GPT-2. */
export interface LatencyShape {
  /** Its name for display. */
  readonly name: string;
  /** Its `config.json`, as far as it matters. */
  readonly config: ConfigJson;
}

/** Four blocks, so that a pass takes milliseconds. */
export const smallShape: LatencyShape = {
  name: "4 layers of width 256",
  config: { vocab_size: 1024, n_positions: 128, n_embd: 256, n_layer: 4, n_head: 8 },
};

/** The model of the paper's Table 1. */
export const mediumShape: LatencyShape = {
  name: "GPT-2 medium",
  config: { vocab_size: 50257, n_positions: 1024, n_embd: 1024, n_layer: 24, n_head: 16 },
};

/** The forms of bottlenecks by the paper's letters. */
const adapterForms = { H: "houlsby", L: "lin" } as const;

/** A timed variant, and the width of its bottlenecks, 0 where it has none. */
export interface Variant {
  /** The base, the base again, LoRA merged or not, or adapters by the paper's letter. */
  readonly model: "base" | "base again" | "merged" | "unmerged" | keyof typeof adapterForms;
  /** r of adapters. */
  readonly bottleneck: number;
}

/** LoRA as the paper has it on GPT-2 (Table 11). */
export const latencyLora = { rank: 4, sites: ["q", "v"], seed: 1 } as const satisfies LoraOptions;

/** Models that share the weights of one base, and are freed together. */
interface LatencyModels extends Disposable {
  /** The timed models. */
  readonly models: readonly (readonly [variant: Variant, model: TextModel])[];
}

/** Makes all models; on `dry`, which has no values, the base gets none. */
export function openVariants(
  device: Device,
  shape: LatencyShape,
  bottlenecks: readonly number[],
  lora: LoraOptions = latencyLora,
): LatencyModels {
  using stack = new DisposableStack();
  const base = stack.use(allocateModel(device, { model_type: "gpt2", ...shape.config }));
  if (device.kind !== "dry") fill(base);
  const sharing = () => shareBase(base);
  const unmerged = sharing(), adapter = stack.use(injectLora(unmerged, lora));
  const merged = stack.use(merge(base, adapter));
  const adapted = Object.entries(adapterForms).flatMap(([letter, variant]) =>
    bottlenecks.map((size) => {
      const model = sharing();
      stack.use(injectBottleneck(model, { variant, size, seed: 1 }));
      return [{ model: letter as Variant["model"], bottleneck: size }, model] as const;
    })
  );
  const plain = { base, "base again": sharing(), merged, unmerged };
  const models = [
    ...Object.entries(plain).map(([name, model]) =>
      [{ model: name as Variant["model"], bottleneck: 0 }, model] as const
    ),
    ...adapted,
  ];
  const owned = stack.move();
  return { models, [Symbol.dispose]: () => owned.dispose() };
}

/** Random values that are drawn once and repeated: drawing 354,823,168 takes longer than timing them. */
function fill({ device, parameters }: TextModel): void {
  const drawn = new Random(1).uniformWithin(0.05, 2 ** 16);
  for (const { tensor } of parameters.values()) {
    const values = new Float32Array(tensor.size);
    for (let at = 0; at < values.length; at += drawn.length) {
      values.set(drawn.subarray(0, values.length - at), at);
    }
    device.write(tensor, values);
  }
}

/** Counts of what was launched. */
interface PassCounts {
  /** Kernels that are launched. */
  readonly launches: number;
  /** Floating-point operations of matrix products and attention, a multiplication and an addition being two. */
  readonly flops: number;
  /** Bytes that kernels read and write, each buffer once a launch. */
  readonly bytes: number;
}

/** Counts, and the launches themselves: the kernel, its scalars, and the size of each tensor. */
interface Recorded extends PassCounts {
  readonly record: readonly string[];
}

/** The launches of a model's pass beside the base's. */
export interface ComparedPass extends PassCounts {
  /** Places in the order of launches at which the two ask for other kernels, shapes or bytes. */
  readonly differing: number;
}

type Scalars = Readonly<Record<string, number>>;

/** Computes nothing, and counts what others would compute. */
export class CountingDevice extends DryDevice {
  #counts = { flops: 0, bytes: 0 };
  #record: string[] = [];

  /** The launches since the last call. */
  take(): Recorded {
    const record = this.#record, counts = this.#counts;
    this.#record = [];
    this.#counts = { flops: 0, bytes: 0 };
    return { launches: record.length, ...counts, record };
  }

  /** Counts a launch. */
  override launch(kernel: Kernel, bindings: AnyBindings, scalars: Scalars): void {
    super.launch(kernel, bindings, scalars);
    this.#counts.flops += flopsOf(kernel, scalars);
    this.#counts.bytes += bytesOf(kernel, bindings, scalars);
    const sizes = Object.keys(kernel.bindings).map((name) => bindings[name].size);
    this.#record.push(`${kernel.name} ${JSON.stringify(scalars)} ${sizes}`);
  }
}

/** The launches of each model's pass, in the order of the models; the first is the base. */
export function countPasses(
  shape: LatencyShape,
  bottlenecks: readonly number[],
  [batch, length]: readonly [batch: number, length: number],
  lora?: LoraOptions,
): ComparedPass[] {
  using device = new CountingDevice();
  using opened = openVariants(device, shape, bottlenecks, lora);
  const tokens = { shape: [batch, length], data: new Uint32Array(batch * length) };
  const passes = opened.models.map(([, model]) => {
    device.take();
    using tape = new Tape(device, { record: false });
    model.forward(tape, { tokens });
    return device.take();
  });
  return passes.map(({ record, ...counts }) => {
    return { ...counts, differing: countDiffering(record, passes[0].record) };
  });
}

function countDiffering(record: readonly string[], base: readonly string[]): number {
  const places = Math.max(record.length, base.length);
  return Array.from({ length: places }, (_, i) => record[i] !== base[i]).filter(Boolean).length;
}

function flopsOf({ name }: Kernel, s: Scalars): number {
  if (name === "matmul") return 2 * s.m * s.n * (s.k + s.k2);
  // Backward takes five products of a query and a key's size, as scores are computed again; forward two.
  if (name === "attention_backward") {
    return 10 * s.batch * s.heads * s.headWidth * s.time * (s.causal ? (s.time + 1) / 2 : s.time);
  }
  if (name !== "attention_forward") return 0;
  const seen = s.causal ? s.queries * (s.past + (s.queries + 1) / 2) : s.queries * s.keys;
  return 4 * s.batch * s.heads * s.headWidth * seen;
}

/** An `update` is read and written, except where a product writes without accumulating. */
function bytesOf(kernel: Kernel, bindings: AnyBindings, scalars: Scalars): number {
  const reach = kernel.elements(scalars);
  return Object.entries(kernel.bindings).reduce((sum, [name, { type, access }]) => {
    const times = access === "update" && scalars.accumulate !== 0 ? 2 : 1;
    return sum + times * (reach[name] ?? bindings[name].size) * elementBytes(type);
  }, 0);
}

/** Time limits of the measurements. */
export interface TimingBudget {
  /** Seconds for the rounds of a cell. */
  readonly seconds: number;
  /** Rounds whatever they take. */
  readonly leastRounds: number;
}

const mostRounds = 200;

/** Times the models in turn on the same random tokens; `rounds` says how often. */
export async function timeCell(
  models: readonly TextModel[],
  [batch, length]: readonly [batch: number, length: number],
  { seconds, leastRounds }: TimingBudget,
  signal?: AbortSignal,
): Promise<{ timings: Timing[]; rounds: number }> {
  const random = new Random(batch * length), { vocabulary } = models[0];
  const data = Uint32Array.from({ length: batch * length }, () => random.integer(vocabulary));
  const named = Object.fromEntries(models.map((model, i) => [`${i}`, model]));
  const inputs = { tokens: { shape: [batch, length], data } };
  const time = (rounds: number) => timeForward(named, inputs, rounds, { warmUp: 0, signal });
  await time(1); // Compiles and warms up.
  const begun = performance.now();
  await time(1);
  const wanted = Math.floor(1000 * seconds / (performance.now() - begun));
  const rounds = Math.min(mostRounds, Math.max(leastRounds, wanted));
  return { timings: await time(rounds), rounds };
}

/** Additions in a chain. */
const links = 512, repeats = 12;

/**
 * Microseconds that an operation takes whatever its size: allocating its result, launching a kernel of one
 * number, and freeing. The least of 12 chains of 512, without what a chain of one takes.
 */
export async function launchMicros(device: Device): Promise<number> {
  using one = device.allocate([1], "f32", "activation", "one");
  device.write(one, Float32Array.of(1));
  const chain = async (count: number) => {
    const begun = performance.now();
    using tape = new Tape(device, { record: false });
    let sum = one;
    for (let i = 0; i < count; i++) sum = add(tape, sum, one);
    await device.read(sum);
    return performance.now() - begun;
  };
  const times = { one: Infinity, all: Infinity };
  for (let i = 0; i < repeats; i++) {
    times.one = Math.min(times.one, await chain(1));
    times.all = Math.min(times.all, await chain(links));
  }
  return Math.max(0, 1000 * (times.all - times.one) / (links - 1));
}
