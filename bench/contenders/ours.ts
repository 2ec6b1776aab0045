/** Lowrank itself: `ours.ts VARIANT WORKLOAD` with cpu1, cpu, blas or webgpu. @module */

import { openDevice } from "../../src/device/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { generate, type Gpt2 } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { type Case, NotRun, type Opened, serve } from "../protocol.ts";
import { base, generation, learningRate, tinyGpt, tokens, type Workload } from "../workloads.ts";
import { loraLinear, lowRank, products } from "./ours_layers.ts";
import { adapt, makeModel, trainingBatch } from "./ours_models.ts";

async function open(variant: string): Promise<Opened> {
  const kind = variant === "webgpu" ? "webgpu" : "cpu";
  if (variant !== "blas") Deno.env.set("LOWRANK_BLAS", "off");
  const device = await openDevice({ kind, threads: variant === "cpu1" ? 1 : 2 });
  if (variant === "blas" && !/blas|accelerate|mkl/i.test(device.description)) {
    throw new NotRun(`the device calls no BLAS: ${device.description}`);
  }
  return { device: device.description, cases: (workload) => casesOf(device, workload) };
}

function casesOf(device: Device, workload: Workload): Case[] {
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

function training(device: Device, name: Workload): Case {
  const size = name === "pretrain" ? base : tinyGpt, model = makeModel(device, size);
  if (name === "gpt_lora") adapt(model, size);
  const trainer = new Trainer(model, { learningRate, steps: 1e6 }), batch = trainingBatch(size);
  const loss = async () => (await trainer.ring.read(1))[0].loss;
  return {
    name,
    step: () => void trainer.step([batch]),
    wait: async () => void await loss(),
    check: loss,
  };
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

await serve(open);
