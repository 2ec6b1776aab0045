/** Checkpoints: everything that a trainer needs to continue as if it had never stopped. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { platform } from "../core/platform.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { kindOf } from "../core/storage.ts";
import type { Tensor } from "../device/device.ts";
import { openSafetensors, type SafetensorsFile, writeSafetensors } from "../formats/mod.ts";
import { emptyLog, type TrainingLog } from "./log.ts";
import type { Trainer } from "./trainer.ts";

/** What a checkpoint holds besides its tensors. */
interface State {
  readonly format: "lowrank checkpoint 1";
  /** Completed steps. */
  readonly step: number;
  readonly seed: number;
  /** Description of the device that made it. */
  readonly device: string;
  /** The operating system and JavaScript engine, on which the last bits of results may depend. */
  readonly platform: string;
  readonly log: TrainingLog;
}

/** What {@link resumeCheckpoint} found. */
export interface Resumed {
  /** Completed steps. */
  readonly step: number;
  /**
   * True if further steps have the same bits as those of a run that was never stopped: the device and
   * system are the same, and the device's numbers are F32 like the file's.
   */
  readonly exact: boolean;
  /** Description of the device that made the checkpoint. */
  readonly device: string;
  /** The steps so far. */
  readonly log: TrainingLog;
}

const format = "lowrank checkpoint 1";

/**
 * Writes the trainable parameters, their moments, the step, the seed, the log and the device's
 * description to one safetensors file, whole or not at all: 12 bytes per trainable parameter.
 *
 * @throws {Error} when the file cannot be written; an older file is unchanged.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { resumeCheckpoint, saveCheckpoint, Trainer } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using trainer = new Trainer(model, { learningRate: 1e-3, steps: 10 });
 * const path = await Deno.makeTempFile();
 * await saveCheckpoint(path, trainer);
 * console.log((await resumeCheckpoint(path, trainer)).exact); // true
 * await Deno.remove(path);
 * ```
 */
export async function saveCheckpoint(
  path: string,
  trainer: Trainer<unknown>,
  log: TrainingLog = emptyLog(),
): Promise<void> {
  const tensors = tensorsOf(trainer), { device } = trainer.model;
  const values = await device.read(...tensors.values());
  const entries = [...tensors.keys()].map((name, i): [string, HostTensor] => [name, values[i]]);
  const { steps: step, options: { seed = 0 } } = trainer;
  const state: State = { format, step, seed, device: device.description, platform, log };
  await writeSafetensors(path, entries, { metadata: { state: JSON.stringify(state) } });
}

/**
 * Restores a trainer to the state of a checkpoint. Frozen parameters are not in the file: the model
 * must be built the same way as before.
 *
 * @throws {RangeError} when the file is not a checkpoint, or has other parameters or another seed; the
 * trainer is unchanged.
 */
export async function resumeCheckpoint(
  path: string,
  trainer: Trainer<unknown>,
): Promise<Resumed> {
  using file = await openSafetensors(path);
  const { step, seed, device, log, ...made } = stateOf(path, file);
  const expected = trainer.options.seed ?? 0;
  if (seed !== expected) {
    throw new RangeError(`resuming from ${path} needs seed ${seed}, found ${expected}`);
  }
  const tensors = tensorsOf(trainer);
  assertSameTensors(path, file, tensors);
  for (const [name, tensor] of tensors) tensor.device.write(tensor, (await file.read(name)).data);
  trainer.optimizer.resumeAt(step);
  const now = trainer.model.device;
  const same = device === now.description && made.platform === platform;
  return { step, exact: same && now.kind !== "reference", device, log };
}

/** True if there is a file to resume from. */
export async function hasCheckpoint(path: string): Promise<boolean> {
  return await kindOf(path) === "file";
}

/** The tensors of a trainer by their names in the file. */
function tensorsOf({ optimizer: { slots } }: Trainer<unknown>): Map<string, Tensor> {
  const seen = new Map<string, number>();
  return new Map(slots.flatMap(({ parameter, first, second }): [string, Tensor][] => {
    const count = (seen.get(parameter.name) ?? 0) + 1;
    seen.set(parameter.name, count);
    // Two adapters on one site have the same names.
    const name = count === 1 ? parameter.name : `${parameter.name}#${count}`;
    return [[`parameter.${name}`, parameter.tensor], [`first.${name}`, first], [
      `second.${name}`,
      second,
    ]];
  }));
}

function stateOf(path: string, { metadata }: SafetensorsFile): State {
  try {
    const state: State = JSON.parse(metadata.state);
    if (state.format === format) return state;
  } catch {
    // Metadata that is not JSON is not a checkpoint's.
  }
  throw new RangeError(`resuming from ${path} needs a "${format}" in its metadata, found none`);
}

function assertSameTensors(
  path: string,
  file: SafetensorsFile,
  tensors: ReadonlyMap<string, Tensor>,
): void {
  const fail = (name: string, found: string) => {
    throw new RangeError(`resuming from ${path} needs the same parameters, found ${name} ${found}`);
  };
  for (const [name, { shape }] of tensors) {
    const entry = file.tensors.get(name);
    if (!entry) return fail(name, "missing");
    if (!sameShape(entry.shape, shape)) {
      return fail(name, `${formatShape(entry.shape)} for ${formatShape(shape)}`);
    }
  }
  for (const name of file.tensors.keys()) if (!tensors.has(name)) fail(name, "in the file only");
}
