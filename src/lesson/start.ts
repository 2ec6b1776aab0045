/** Adapters that begin in different ways. @module */

import { injectLora } from "../adapt/lora/inject.ts";
import { injectOlora } from "../adapt/lora/olora.ts";
import { injectPissa } from "../adapt/lora/pissa.ts";
import type { LoraAdapter } from "../adapt/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { Random } from "../core/random.ts";
import type { Perceptron } from "../models/perceptron.ts";
import type { LessonSettings, LessonStart } from "./settings.ts";
import { layer } from "./task.ts";

/** Streams of the seed for what the library does not draw. */
const streams = { A: 21, B: 22 };

/** What A and B are drawn within, where the library's own start is not taken. */
const drawn: Partial<Record<LessonStart, { A?: number; B?: number }>> = {
  turned: { A: 0, B: 1 },
  random: { B: 1 },
  small: { A: 0.05, B: 0.05 },
  zero: { A: 0 },
};

/** Puts LoRA on the only layer. */
export async function injectAt(model: Perceptron, settings: LessonSettings): Promise<LoraAdapter> {
  const { rank, alpha, start, seed } = settings, options = { rank, alpha, targetModules: [layer] };
  if (start === "pissa") return await injectPissa(model, options);
  if (start === "olora") return await injectOlora(model, options);
  const init = start === "gaussian" ? start : "kaiming";
  const adapter = injectLora(model, { ...options, init, seed });
  const [{ A, B }] = adapter.sites, { A: ofA, B: ofB } = drawn[start] ?? {};
  const random = new Random(seed), within = 1 / Math.sqrt(settings.width);
  if (ofA !== undefined) fill(A, ofA * within, random.split(streams.A));
  if (ofB !== undefined) fill(B, ofB * within, random.split(streams.B));
  return adapter;
}

function fill({ tensor, size }: Parameter, within: number, random: Random): void {
  tensor.device.write(tensor, random.uniformWithin(within, size));
}
