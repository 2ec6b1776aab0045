/** 8-bit AdamW against ten steps of bitsandbytes; see tests/golden/manifest.json. */

import { assertEquals } from "@std/assert";
import { Parameter } from "../../src/autograd/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { Scope } from "../../src/device/arena.ts";
import { adamW8bit } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { golden, tensorsOf } from "../support/golden.ts";

const theirs = await tensorsOf(golden("eight_bit_adamw.safetensors"));
const names = ["whole", "short", "small"], states = ["state1", "absmax1", "state2", "absmax2"];

const startAt = (i: number): number => ((6151 * i) % 2003 - 1001) / 1024;

function gradientAt(i: number, step: number): number {
  const block = Math.floor(i / 256);
  return block === 3 ? 0 : ((7919 * i + 104729 * step) % 4001 - 2000) / 2 ** (10 + block % 7);
}

const listOf = (size: number, valueAt: (i: number) => number) =>
  Float32Array.from({ length: size }, (_, i) => valueAt(i));

const exact = { absolute: 0, relative: 0 };

/** Parameters below 1 are rounded ten times on both sides, and so are steps of 0.01, which have 20 roundings: 2e-6. */
const ofParameters = { absolute: 2e-6, relative: 0 };

/** Each of ten steps has a dozen roundings. */
const ofMoments = { absolute: 1e-7, relative: 1e-5 };

/** All that bitsandbytes knows of a step, by its names. */
async function stateOf({ slots }: ReturnType<typeof adamW8bit>) {
  const found = new Map<string, ArrayLike<number>>();
  for (const { parameter: { name, size, tensor }, first, second, scales } of slots) {
    const parts = [tensor, first, second, ...scales ? [scales.first, scales.second] : []];
    const [parameter, state1, state2, absmax1, absmax2] = (await tensor.device.read(...parts))
      .map(({ data }) => data);
    const bytes = (words: ArrayLike<number>) =>
      new Uint8Array(Uint32Array.from(words).buffer).subarray(0, size);
    found.set(`${name}.parameter`, parameter);
    found.set(`${name}.state1`, scales ? bytes(state1) : state1);
    found.set(`${name}.state2`, scales ? bytes(state2) : state2);
    if (scales) found.set(`${name}.absmax1`, absmax1).set(`${name}.absmax2`, absmax2);
  }
  return found;
}

async function tenSteps(device: Device): Promise<void> {
  using scope = new Scope(device);
  const parameters = names.map((name) => {
    const { shape } = theirs.get(`1.${name}.parameter`)!;
    return new Parameter(name, scope.allocate(shape, "f32", "weight", name));
  });
  for (const { tensor, size } of parameters) device.write(tensor, listOf(size, startAt));
  using optimizer = adamW8bit(parameters, { learningRate: 0.01, weightDecay: 0.1 });
  for (let step = 1; step <= 10; step++) {
    for (const { gradient, size } of parameters) {
      device.write(gradient!.tensor, listOf(size, (i) => gradientAt(i, step)));
      gradient!.filled = true;
    }
    optimizer.step();
    if (step === 1 || step === 10) compare(step, await stateOf(optimizer));
  }
}

function compare(step: number, found: Awaited<ReturnType<typeof stateOf>>): void {
  for (const name of names) {
    for (const part of ["parameter", ...states]) {
      const what = `${name}.${part}`, expected = theirs.get(`${step}.${what}`);
      assertEquals(found.has(what), expected !== undefined, what);
      if (!expected) continue;
      const isCode = part.startsWith("state") && name !== "small";
      const tolerance = isCode ? exact : part === "parameter" ? ofParameters : ofMoments;
      assertAllClose(found.get(what)!, expected.data, { ...tolerance, what: `${step}.${what}` });
    }
  }
}

/** All of them. */
const checks: readonly Check[] = [
  { name: "ten steps of 8-bit AdamW have bitsandbytes' codes and parameters", run: tenSteps },
];

await testOn(allDevices, checks);
