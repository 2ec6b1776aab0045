/** Lowrank itself: `ours.ts VARIANT WORKLOAD` with cpu1, cpu, blas or webgpu. @module */

import type { Device } from "../../src/device/device.ts";
import { generate, type Gpt2 } from "../../src/models/mod.ts";
import { type Case, type Opened, serve } from "../protocol.ts";
import { base, generation, tokens, type Workload } from "../workloads.ts";
import { loraLinear, lowRank, products } from "./ours_layers.ts";
import { makeModel, openVariant, training } from "./ours_models.ts";

if (import.meta.main) await serve(open);

async function open(variant: string): Promise<Opened> {
  const device = await openVariant(variant);
  return { device: device.description, cases: (workload) => casesOf(device, workload) };
}

/** The timed cases of a workload. */
export function casesOf(device: Device, workload: Workload): Case[] {
  switch (workload) {
    case "matmul":
      return products(device);
    case "low_rank":
      return lowRank(device);
    case "lora_linear":
      return [loraLinear(device)];
    case "generate":
      return [generating(makeModel(device, base))];
    default:
      return [training(device, workload)];
  }
}

function generating(model: Gpt2): Case {
  const { vocabulary } = base, prompt = tokens(903, generation.prompt, vocabulary);
  let made: number[] = [];
  const step = async () => {
    made = await Array.fromAsync(generate(model, prompt, { maxNewTokens: generation.tokens }));
  };
  const check = () => Promise.resolve(made.reduce((a, b) => a + b, 0));
  return { name: "generate", step, wait: () => Promise.resolve(), check };
}
