/** Hashes of specifications of runs: of every method, and of all runs that experiments plan. @module */

import { digest, entry } from "./places.ts";
import { variants } from "./methods.ts";

/** The hash of each specification here, and of the runs of experiments, by default and with `--quick`. */
export async function readSpecs(): Promise<Record<string, string>> {
  const { hashOf, methodKinds } = await entry("./runs"), found: Record<string, string> = {};
  const made = (method: object, more: object = {}, training: object = {}) => ({
    model: { folder: "base", digest: "0123" },
    method,
    data: { file: "mine.jsonl", seed: 4 },
    training: { learningRate: 5e-3, steps: 30, schedule: "cosine", warmupSteps: 3, ...training },
    ...{ seed: 11, device: "cpu", ...more },
  });
  for (const kind of methodKinds) found[`kind ${kind}`] = await hashOf(made({ kind }));
  for (const [name, spec] of Object.entries(variants)) {
    found[`variant ${name}`] = await hashOf(made(spec));
  }
  const lora = { kind: "lora", rank: 4, alpha: 8, sites: ["q", "v"] };
  const others: Record<string, object> = {
    "qlora": made(lora, { model: { folder: "base", dtype: "nf4", doubleQuantization: true } }),
    "8-bit optimizer": made(lora, {}, { optimizer: "adamw8bit" }),
    "lora+": made(lora, {}, { loraPlusRatio: 16, loraPlusEmbeddingRate: 1e-6 }),
    "held out": made(lora, {}, { validateEvery: 10, patience: 3, dtype: "BF16", clipNorm: 1 }),
    "on webgpu": made(lora, { device: "webgpu" }),
    "undefined fields": made({ ...lora, dropout: undefined }),
  };
  for (const [name, spec] of Object.entries(others)) found[name] = await hashOf(spec);
  const few = { seeds: [1], full: false };
  return {
    ...found,
    ...await experimentSpecs("default", { ...few, quick: false }),
    ...await experimentSpecs("quick", { ...few, quick: true }),
  };
}

/** The runs of experiments with `--full`, which takes longer. */
export const readFullSpecs = () =>
  experimentSpecs("full", { seeds: [1, 2, 3], quick: false, full: true });

async function experimentSpecs(way: string, context: object): Promise<Record<string, string>> {
  const { hashOf } = await entry("./runs");
  const { experiments } = await entry("./experiments"), { openDevice } = await entry("./device");
  using device = await openDevice({ kind: "cpu", threads: 1 });
  const found: Record<string, string> = {};
  for (const { name, runs } of experiments.map(bound)) {
    if (!runs) continue;
    const signal = new AbortController().signal;
    const planned = await runs({ ...context, device, out: "out", signal, report() {} });
    const hashes: string[] = [];
    for (const { label, spec } of planned.map(bound)) {
      hashes.push(`${label} ${await attempt(async () => hashOf(await spec(device)))}`);
    }
    // One by one where they are few, so that a difference names the run.
    if (hashes.length <= 12) hashes.forEach((line, i) => found[`${way} ${name} ${i}`] = line);
    else found[`${way} ${name}`] = `${hashes.length} runs ${await digest(hashes.join("\n"))}`;
  }
  return found;
}

/** An object whose methods may be taken from it. */
// deno-lint-ignore no-explicit-any -- an experiment or a planned run
const bound = (of: any) => ({ ...of, runs: of.runs?.bind(of), spec: of.spec?.bind(of) });

/** The result of `work`, or the sentence of its error. */
export async function attempt(work: () => Promise<string>): Promise<string> {
  try {
    return await work();
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`;
  }
}
