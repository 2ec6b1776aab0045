/** Timing all models in turn, and the fixed cost of a launch. @module */

import { Tape } from "../../src/autograd/mod.ts";
import { add } from "../../src/autograd/ops/add.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { timeForward, type Timing } from "../../src/inspect/mod.ts";
import type { TextModel } from "../../src/models/mod.ts";

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
