/** Arguments of the commands under test, and the files that they name. @module */

import type { HostTensor } from "../../src/core/tensor.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import { lowrankJson, model } from "./lowrank.ts";

/** Writes JSON and returns its path. */
export async function writeJson(path: string, value: unknown): Promise<string> {
  await Deno.writeTextFile(path, JSON.stringify(value));
  return path;
}

/** `logits` of one case, `FOLDER/in.json` to `FOLDER/out.safetensors`. */
export async function logitsArgs(folder: string, ids: unknown, from = model): Promise<string[]> {
  const input = await writeJson(`${folder}/in.json`, { cases: { one: { input_ids: ids } } });
  return ["logits", "--model", from, "--input", input, "--output", `${folder}/out.safetensors`];
}

/** The logits of the golden cases, by a model and what else is given: `--model`, `--adapter` and so on. */
export async function goldenLogits(
  folder: string,
  ...given: string[]
): Promise<Map<string, HostTensor>> {
  const output = `${folder}/logits.safetensors`, input = golden("logits.json");
  await lowrankJson("logits", ...given, "--input", input, "--output", output);
  return await tensorsOf(output);
}

/** `train` on the golden batches by a configuration of one step, `FOLDER/c.json`, changed by `config`. */
export async function trainArgs(
  folder: string,
  output: string,
  config: Readonly<Record<string, unknown>> = {},
): Promise<string[]> {
  const settings = { steps: 1, learningRate: 1e-3, ...config };
  const path = await writeJson(`${folder}/c.json`, settings);
  const batches = golden("trajectories/batches.json");
  return ["train", "--model", model, "--batches", batches, "--config", path, "--output", output];
}
