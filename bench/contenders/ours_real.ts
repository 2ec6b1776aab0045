/** Lowrank's side of `deno task bench:real`: `ours_real.ts MODEL WORKLOAD`, see `../real_models.ts`. @module */

import { crossEntropy, loadAdapter, loadModel, openDevice, Tape, Trainer } from "../../mod.ts";
import type { TextModel } from "../../src/models/mod.ts";
import type { RealReport } from "../real_models.ts";
import { tokens } from "../workloads.ts";

/** `VmRSS` is resident now, `VmHWM` the most that was. */
function memory(key: string): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(status.match(`${key}:\\s*(\\d+)`)![1]);
}

/** One step; resolves to the numbers on which contenders must agree. */
type Step = () => Promise<number[]>;

function forward(model: TextModel, data: Uint32Array<ArrayBuffer>): Step {
  return async () => {
    using tape = new Tape(model.device, { record: false });
    const logits = model.forward(tape, { tokens: { shape: [1, data.length], data } });
    const [rows, vocabulary] = logits.shape;
    const [last] = await model.device.read(logits.view([vocabulary], (rows - 1) * vocabulary));
    return Array.from(last.data).filter((_, i) => i % 512 === 0);
  };
}

async function lora(model: TextModel, folder: string, vocabulary: number): Promise<Step> {
  await loadAdapter(model, `${folder}/adapter`);
  const shape = [4, 128], [data, targets] = [901, 902].map((seed) => tokens(seed, 512, vocabulary));
  const options = { learningRate: 1e-4, weightDecay: 0, steps: 100, loss: crossEntropy };
  const trainer = new Trainer(model, options);
  const batch = {
    inputs: { tokens: { shape, data } },
    targets: { shape, data: Int32Array.from(targets) },
  };
  return async () => {
    trainer.step([batch]);
    return [(await trainer.ring.read(1))[0].loss];
  };
}

const [folder, workload] = Deno.args, importedBytes = memory("VmRSS");
using device = await openDevice({ kind: "cpu", threads: 2 });
using model = await loadModel(device, folder);
const vocabulary: number = JSON.parse(Deno.readTextFileSync(`${folder}/config.json`)).vocab_size;
const step = workload === "forward"
  ? forward(model, tokens(901, 128, vocabulary))
  : await lora(model, folder, vocabulary);
const loadedBytes = memory("VmHWM"), checks: number[][] = [], ms: number[] = [];
const { [workload]: repeats } = { forward: 12, lora: 4 } as Record<string, number>;
for (let i = 0; i <= repeats; i++) {
  const start = performance.now(), check = await step();
  ms.push(performance.now() - start);
  checks.push(check);
}
const peakBytes = memory("VmHWM"), { description } = device;
const report: RealReport = {
  ...{ device: description, ms: ms.slice(1), checks, importedBytes, loadedBytes, peakBytes },
};
console.log(JSON.stringify(report));
