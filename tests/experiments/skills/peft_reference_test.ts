/** Runs on the base with skills beside PyTorch, transformers and PEFT: the same gradients and the same first steps. */

import { assertEquals } from "@std/assert";
import { batchesOf, openSkillsBase, type SkillRun } from "../../../experiments/skills/runs.ts";
import { armSeed, methodOf } from "../../../experiments/skills/needed_rank/runs.ts";
import { peftCells } from "../../../experiments/skills/needed_rank/peft.ts";
import { taskNamed } from "../../../experiments/skills/tasks.ts";
import { type PeftStart, writeCase } from "../../../scripts/skills_by_peft.ts";
import type { LoraAdapter } from "../../../src/adapt/mod.ts";
import { crossEntropy, Tape } from "../../../src/autograd/mod.ts";
import type { Batch } from "../../../src/core/batch.ts";
import { Random } from "../../../src/core/random.ts";
import type { Device } from "../../../src/device/device.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { exactOn, type TextModel } from "../../../src/models/mod.ts";
import { applyMethod } from "../../../src/runs/method.ts";
import { evaluate, Trainer } from "../../../src/train/mod.ts";
import { assertAllClose } from "../../support/all_close.ts";
import { withFolder } from "../../../scripts/support/folders.ts";
import { pythonHas, runPython } from "../../../scripts/support/python.ts";

const steps = 5, script = "scripts/golden/peft_skills.py";

/** A run as Python prints it. */
interface Printed {
  readonly losses: readonly number[];
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly exact: number;
  readonly loss: number;
}

/** Gives B random values, so that A has gradients, and returns the adapter's start. */
async function startOf({ device }: TextModel, adapter: LoraAdapter, sizeOfB: number) {
  const random = new Random(5), start: Record<string, PeftStart[string]> = {};
  for (const { name, A, B } of adapter.sites) {
    const [a, b] = await device.read(A.tensor, B.tensor);
    const other = Float32Array.from(b.data, () => sizeOfB * random.normal());
    device.write(B.tensor, other);
    start[name.replace(":", ".")] = { A: [...a.data], B: [...other] };
  }
  return start;
}

/** The gradients of the adapter, each within what rounding does to the largest of its tensor. */
async function checkGradients(
  model: TextModel,
  adapter: LoraAdapter,
  { inputs, targets }: Batch,
  wanted: Printed["gradients"],
): Promise<void> {
  using tape = new Tape(model.device);
  tape.backward(crossEntropy(tape, model.forward(tape, inputs), targets));
  assertEquals(Object.keys(wanted).length, model.trainable().length);
  for (const { name, ...factors } of adapter.sites) {
    for (const factor of ["A", "B"] as const) {
      const what = `${name.replace(":", ".")}.lora_${factor}`;
      const expected = wanted[`base_model.model.${what}.default.weight`];
      const [{ data }] = await model.device.read(tape.gradientOf(factors[factor])!);
      const largest = Math.max(...expected.map(Math.abs));
      assertAllClose(data, expected, { relative: 0, absolute: 2e-5 * largest, what });
    }
  }
}

/** The losses of the steps of a run. */
async function lossesOf(model: TextModel, run: SkillRun, batches: Iterable<Batch>) {
  const { learningRate } = run, losses: number[] = [];
  using trainer = new Trainer(model, { learningRate, steps, schedule: "linear", warmupSteps: 1 });
  for (const batch of batches) {
    trainer.step([batch]);
    losses.push((await trainer.ring.read(1))[0].loss);
    if (losses.length === steps) break;
  }
  return losses;
}

/** A run with what our model begins with, and our part of the comparison. */
interface Side {
  readonly run: SkillRun;
  readonly start: PeftStart;
  compare(theirs: Printed): Promise<void>;
}

/** Both programs from one start: gradients, the losses of the steps, and the measurements after them. */
async function sideOf(device: Device, run: SkillRun, sizeOfB: number): Promise<Side> {
  const model = await openSkillsBase(device, "trained", 0);
  const adapter = await applyMethod(model, run.method, run.seed) as LoraAdapter | undefined;
  const start = adapter ? await startOf(model, adapter, sizeOfB) : {};
  const compare = async (theirs: Printed) => {
    const { train, measured } = await batchesOf(run), [first] = train, texts = [...measured];
    if (adapter) await checkGradients(model, adapter, first, theirs.gradients);
    const losses = await lossesOf(model, run, train);
    assertAllClose(losses, theirs.losses, { relative: 0, absolute: 1e-5, what: "losses" });
    const { loss } = await evaluate(model, texts);
    assertAllClose([loss], [theirs.loss], { relative: 1e-4, absolute: 0, what: "loss after them" });
    assertEquals(await exactOn(model, texts), theirs.exact);
    adapter?.[Symbol.dispose]();
    model[Symbol.dispose]();
  };
  return { run, start, compare };
}

/** A task of which about half of the answers are right before training. */
const halfRight = { ...taskNamed("Caesar's cipher, new word"), words: ["cae", "flp"] };

/** Each line of adaptation once, with B as it begins, and with one that gives A gradients. */
async function sidesOf(device: Device): Promise<Side[]> {
  const cells = peftCells.filter(({ task, arm }) => task.level === 4 && arm.rank !== 8);
  const sides: Side[] = [];
  for (const { task, arm } of [...cells, { task: halfRight, arm: cells[0].arm }]) {
    const run: SkillRun = {
      ...{ task, method: methodOf(arm), seed: armSeed(arm, 12), steps, split: "test" },
      learningRate: arm.rank ? 0.02 / Math.sqrt(arm.rank) : 1e-3,
    };
    for (const sizeOfB of arm.rank ? [0, 0.1] : [0]) sides.push(await sideOf(device, run, sizeOfB));
  }
  return sides;
}

Deno.test({
  name: "PEFT's gradients, first losses and answers on the base with skills are ours",
  ignore: !await pythonHas("torch", "transformers", "peft"),
  fn: () =>
    withFolder(async (folder) => {
      using device = await openCpuDevice({ threads: 1 });
      const sides = await sidesOf(device), cases = sides.map((_, at) => `${folder}/${at}.jsonl`);
      for (const [at, { run, start }] of sides.entries()) await writeCase(cases[at], run, start);
      const { code, text } = await runPython(script, ["models/tiny-skills", ...cases]);
      assertEquals(code, 0, text);
      const printed = text.split("\n").filter((line) => line.startsWith('{"exact"'));
      for (const [at, side] of sides.entries()) await side.compare(JSON.parse(printed[at]));
    }),
});
