/**
 * Grades the answers of the exercises: `deno task grade answers.json` says of each whether it is right. The right ones
 * are computed here, so that nobody has to keep a list.
 *
 * @module
 */

import {
  deltaWeight,
  injectLora,
  loadAdapter,
  loadModel,
  loadTokenizer,
  merge,
  promptedBatches,
  train,
} from "../mod.ts";
import { evaluateFormula, evaluateFormulaRatio } from "../src/accounting/mod.ts";
import { catalog } from "../src/architectures/mod.ts";
import { isRecord } from "../src/core/checks.ts";
import { quote } from "../src/core/errors.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { Device } from "../src/device/device.ts";
import { predictMemory } from "../src/runs/mod.ts";
import { readJson } from "../src/storage/files.ts";
import { rootPath } from "./support/source_files.ts";

/** The right answer: a number with the relative difference that counts as right, or a word. */
export interface Expected {
  readonly is: number | string;
  /** Default 0.5%. */
  readonly within?: number;
}

const base = `${rootPath}models/tiny-gpt2`;

/** Right answers by the names of `docs/teaching/exercises.md`. */
export async function expectedAnswers(): Promise<Readonly<Record<string, Expected>>> {
  using device = await openCpuDevice();
  const { config } = catalog["gpt2-medium"], step = { batch: 8, length: 512 };
  const ofRank = (rank: number) =>
    predictMemory(config, { ...step, adapt: (model) => void injectLora(model, { rank }) });
  const full = predictMemory(config, step), four = ofRank(4), one = ofRank(1);
  const [[largest]] = Object.entries(four.peakByRole).sort(([, a], [, b]) => b - a);
  return {
    "1 parameters": { is: Number(evaluateFormula("loraParameters", { n_W: 48, d: 1024, r: 4 })) },
    "1 rank": { is: evaluateFormulaRatio("breakEvenRank", { d_in: 1024, d_out: 1024 }) },
    "2 after one step": { is: "B" },
    "2 after two steps": { is: "both" },
    "3 largest role": { is: largest },
    "3 times less": { is: full.peak / four.peak, within: 0.01 },
    "3 saved by rank 1, percent": { is: 100 * (1 - one.peak / four.peak), within: 0.1 },
    "4 values lost": { is: await valuesLost(device), within: 0.02 },
    "5 at width 256": { is: 64 / 256, within: 0.03 },
    "5 at width 4096": { is: 64 / 4096, within: 0.05 },
    "5 of one seed": { is: 1, within: 0.001 },
    "6 loss at rank 1": { is: await lossByHeart(device, 1), within: 0.03 },
    "6 loss at rank 4": { is: await lossByHeart(device, 4), within: 0.1 },
  };
}

/** Values of W_q that differ after the update was added and subtracted. */
async function valuesLost(device: Device): Promise<number> {
  using model = await loadModel(device, base);
  using adapter = await loadAdapter(model, `${rootPath}models/rank-study/qv-r4-seed1`);
  using merged = merge(model, adapter);
  const [W, sum] = await device.read(
    ...[model, merged].map(({ parameters }) =>
      parameters.get("transformer.h.0.attn.c_attn.weight")!.tensor
    ),
  );
  const [update] = await adapter.read();
  return deltaWeight(update).data.filter((change, i) =>
    Math.fround(sum.data[i] - change) !== W.data[i]
  ).length;
}

/** The last loss of a training on the odd dictionary. */
async function lossByHeart(device: Device, rank: number): Promise<number> {
  const tokenizer = await loadTokenizer(base);
  const text = await Deno.readTextFile(`${rootPath}docs/teaching/odd_dictionary.txt`);
  const entries = text.trim().split("\n").map((entry) => {
    const end = entry.indexOf(":") + 1;
    return { prompt: entry.slice(0, end), completion: entry.slice(end) };
  });
  using model = await loadModel(device, base);
  using adapter = injectLora(model, { rank, alpha: 4 * rank, sites: ["q", "v"], seed: 1 });
  const batches = promptedBatches(tokenizer, entries, { seed: 1 });
  const recipe = { learningRate: 0.03, schedule: "cosine", steps: 40, seed: 1 } as const;
  return (await train(adapter, batches, recipe).finish()).loss.at(-1)!;
}

/** Grade of an answer. */
export type Grade = "right" | "nearly" | "wrong" | "not answered" | "not a question";

/** Grades of all answers, in the order of the questions; unknown names come last. */
export function gradesOf(
  answers: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, Expected>>,
): Record<string, Grade> {
  const names = Object.keys({ ...expected, ...answers });
  return Object.fromEntries(names.map((name) => [name, gradeOf(answers[name], expected[name])]));
}

function gradeOf(answer: unknown, expected: Expected | undefined): Grade {
  if (!expected) return "not a question";
  if (answer === undefined) return "not answered";
  const { is, within = 0.005 } = expected;
  if (typeof is === "string") {
    return typeof answer === "string" && answer.trim().toLowerCase() === is.toLowerCase()
      ? "right"
      : "wrong";
  }
  if (typeof answer !== "number") return "wrong";
  const off = Math.abs(answer - is) / Math.abs(is);
  return off <= within ? "right" : off <= 4 * within ? "nearly" : "wrong";
}

/** Prints a line for each answer, and how many are right. */
async function grade(file: string | undefined): Promise<void> {
  if (file === undefined) throw new RangeError("grade needs a file of answers, found none");
  const answers = await readJson(file);
  if (!isRecord(answers)) {
    throw new RangeError(
      `the answers must be an object, found ${quote(answers)} in ${quote(file)}`,
    );
  }
  const expected = await expectedAnswers(), grades = Object.entries(gradesOf(answers, expected));
  const width = Math.max(...grades.map(([name]) => name.length));
  for (const [name, grade] of grades) console.log(name.padEnd(width + 2), grade);
  const right = grades.filter(([, grade]) => grade === "right").length;
  console.log(`${right} of ${Object.keys(expected).length} right`);
}

if (import.meta.main) {
  await grade(Deno.args[0]).catch((error: Error) => {
    console.error(`error: ${error.message}`);
    Deno.exitCode = 1;
  });
}
