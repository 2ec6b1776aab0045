/**
 * Lowrank's side of `deno task bench:real`: `ours_real.ts MODEL WORKLOAD [BATCHES.json]`, see `../real_models.ts`.
 *
 * @module
 */

import {
  type Batch,
  crossEntropy,
  loadAdapter,
  loadModel,
  openDevice,
  Tape,
  Trainer,
} from "../../mod.ts";
import { packFitted, type TokenRow } from "../../src/data/token_rows.ts";
import type { TextModel } from "../../src/models/mod.ts";
import type { RealBatches, RealRow } from "../real_batches.ts";
import type { RealReport } from "../real_models.ts";
import { tokens } from "../workloads.ts";

/** `VmRSS` is resident now, `VmHWM` the most that was. */
function memory(key: string): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(status.match(`${key}:\\s*(\\d+)`)![1]);
}

/** One step; resolves to the numbers on which contenders must agree. */
type Step = (batch: Batch) => Promise<number[]>;

const rates = { lora: 1e-4, full: 1e-5 };

function forward(model: TextModel): Step {
  return async ({ inputs }) => {
    using tape = new Tape(model.device, { record: false });
    const logits = model.forward(tape, inputs), [rows, vocabulary] = logits.shape;
    const [last] = await model.device.read(logits.view([vocabulary], (rows - 1) * vocabulary));
    return Array.from(last.data).filter((_, i) => i % 512 === 0);
  };
}

async function training(model: TextModel, folder: string, kind: "lora" | "full"): Promise<Step> {
  if (kind === "lora") await loadAdapter(model, `${folder}/adapter`);
  const options = { learningRate: rates[kind], weightDecay: 0, steps: 100, loss: crossEntropy };
  const trainer = new Trainer(model, options);
  return async (batch) => {
    trainer.step([batch]);
    return [(await trainer.ring.read(1))[0].loss];
  };
}

/** The same tokens in each step, with the one label that a pass without a loss ignores, or with all. */
function fixedBatch(workload: string, vocabulary: number): Batch {
  const shape = [workload === "forward" ? 1 : 4, 128], count = shape[0] * shape[1];
  const [data, targets] = [901, 902].map((seed) => tokens(seed, count, vocabulary));
  return {
    inputs: { tokens: { shape, data } },
    targets: { shape, data: Int32Array.from(targets) },
  };
}

/** Rows as the readers of texts pack them. */
function packed(rows: readonly RealRow[], padding: number, positions: number): Batch {
  if ("label" in rows[0]) return packedTexts(rows as LabeledRow[], padding);
  const size = { batch: rows.length, length: positions };
  return packFitted(rows as TokenRow[], size, padding).next().value!;
}

type LabeledRow = Extract<RealRow, { label: number }>;

function packedTexts(rows: readonly LabeledRow[], padding: number): Batch {
  const shape = [rows.length, Math.max(...rows.map(({ tokens }) => tokens.length))];
  const data = new Uint32Array(shape[0] * shape[1]).fill(padding), mask = new Uint32Array(data);
  rows.forEach(({ tokens }, row) => {
    const start = row * shape[1];
    data.set(tokens, start);
    mask.fill(0, start, start + shape[1]).fill(1, start, start + tokens.length);
  });
  const inputs = { tokens: { shape, data }, attentionMask: { shape, data: mask } };
  const labels = Int32Array.from(rows, ({ label }) => label);
  return { inputs, targets: { shape: [rows.length], data: labels } };
}

function* batchesOf(model: TextModel, workload: string, path?: string): Generator<Batch> {
  if (path) {
    const { padding, batches }: RealBatches = JSON.parse(Deno.readTextFileSync(path));
    for (const rows of batches) yield packed(rows, padding, model.positions);
    return;
  }
  const batch = fixedBatch(workload, model.vocabulary);
  for (let i = 0; i <= (workload === "forward" ? 12 : 4); i++) yield batch;
}

const [folder, workload, path] = Deno.args, importedBytes = memory("VmRSS");
const [kind] = workload.split("-") as ["forward" | "lora" | "full"];
using device = await openDevice({ kind: "cpu", threads: 2 });
const dtype = workload.endsWith("-half") ? "BF16" : "F32";
using model = await loadModel(device, folder, { dtype, dropout: 0 });
const step = kind === "forward" ? forward(model) : await training(model, folder, kind);
const loadedBytes = memory("VmHWM"), checks: number[][] = [], ms: number[] = [];
for (const batch of batchesOf(model, workload, path)) {
  const start = performance.now(), check = await step(batch);
  ms.push(performance.now() - start);
  checks.push(check);
}
const peakBytes = memory("VmHWM"), { description } = device;
const report: RealReport = {
  ...{ device: description, ms: ms.slice(1), checks, importedBytes, loadedBytes, peakBytes },
};
console.log(JSON.stringify(report));
