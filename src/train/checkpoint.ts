/** Checkpoints: everything that a trainer needs to continue as if it had never stopped. @module */

import { moveFile, removeFile } from "../core/files.ts";
import { platform } from "../core/platform.ts";
import { kindOf } from "../core/storage.ts";
import { openSafetensors, writeSafetensors } from "../formats/mod.ts";
import {
  assertCheckpointState,
  checkpointFormat,
  type CheckpointState,
  parseCheckpointState,
} from "./checkpoint_state.ts";
import {
  assertSameTensors,
  type CheckpointTensors,
  readTensors,
  restoreTensors,
} from "./checkpoint_tensors.ts";
import { checkpointDigest, frozenDigests } from "./digests.ts";
import { emptyLog, type TrainingLog } from "./log.ts";
import type { TrainingTimes } from "./times.ts";
import type { Trainer } from "./trainer.ts";

/** The content of a checkpoint. */
interface Checkpoint {
  readonly state: CheckpointState;
  readonly tensors: CheckpointTensors;
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
  /** Their times, if the checkpoint has them. */
  readonly times?: TrainingTimes;
}

/**
 * Writes the trainable parameters, their moments, the step, the seed, the log, its times, the device's
 * description, digests of everything frozen, and a digest of it all to one safetensors file: 12 bytes per
 * trainable parameter, 6.03 with moments in 8 bits, and 4 more for the values at the lowest held-out loss if
 * that is measured. The checkpoint before is kept beside it as `<path>.old`; the one before that is removed
 * first, so that at most two are on the disk.
 *
 * A crash leaves the old checkpoint or the new one, as `<path>` or as `<path>.old`, from which
 * {@link resumeCheckpoint} resumes; what it may leave besides, `<path>.new` and `*.tmp`, is never read.
 *
 * @throws {RangeError} when a parameter or moment is not finite, or the log has neither one number per
 * step in each list nor none; nothing is written.
 * @throws {Error} when the file cannot be written; an older checkpoint is still there.
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
 * const folder = await Deno.makeTempDir(), path = `${folder}/checkpoint.safetensors`;
 * await saveCheckpoint(path, trainer);
 * console.log((await resumeCheckpoint(path, trainer)).exact); // true
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function saveCheckpoint(
  path: string,
  trainer: Trainer<unknown>,
  log: TrainingLog = emptyLog(),
  times?: TrainingTimes,
): Promise<void> {
  const what = `a checkpoint in ${path}`;
  const state = JSON.stringify(assertCheckpointState(what, await stateOf(trainer, log, times)));
  const tensors = await readTensors(what, trainer);
  const digest = await checkpointDigest(state, tensors), fresh = `${path}.new`;
  const isFollowed = await kindOf(path) === "file";
  // The disk never holds three: one at `path` is whole, and needs none before it.
  for (const file of isFollowed ? [before(path), fresh] : [fresh]) await removeFile(file);
  await writeSafetensors(fresh, tensors, { metadata: { state, digest } });
  if (isFollowed) await moveFile(path, before(path));
  await moveFile(fresh, path);
}

/**
 * Restores a trainer to the state of a checkpoint: the one at `path`, or, if a crash has left none there,
 * the one before it, `<path>.old`. Frozen parameters are not in the file: the model must be built the
 * same way as before. A trainer of more steps than the one that made it trains further.
 *
 * @throws {RangeError} when the file is not a checkpoint, is damaged, has other parameters or another
 * seed or optimizer, more steps than the trainer, or another frozen base; the trainer is unchanged.
 */
export async function resumeCheckpoint(
  path: string,
  trainer: Trainer<unknown>,
): Promise<Resumed> {
  const file = await newest(path) ?? path;
  const what = `resuming from ${file}`, checkpoint = await read(what, file).catch(adviser(path));
  const { step, device, log, times, heldOut = [], ...made } = checkpoint.state;
  await assertFits(what, checkpoint, trainer);
  restoreTensors(checkpoint.tensors, trainer);
  trainer.heldOut.points.splice(0, Infinity, ...heldOut);
  trainer.optimizer.resumeAt(step);
  const now = trainer.model.device;
  const same = device === now.description && made.platform === platform;
  return { step, exact: same && now.kind !== "reference", device, log, times };
}

/** True if there is a checkpoint to resume from, at `path` or as `<path>.old`. */
export async function hasCheckpoint(path: string): Promise<boolean> {
  return await newest(path) !== undefined;
}

/** Completed steps of the checkpoint to resume from; `undefined` if there is none that can be read. */
export async function checkpointStep(path: string): Promise<number | undefined> {
  try {
    using file = await openSafetensors(await newest(path) ?? path);
    return parseCheckpointState("a checkpoint", file.metadata.state).step;
  } catch {
    return undefined;
  }
}

/** Removes the checkpoint before the newest one, and what a crash has left of the one after it. */
export async function removeOlderCheckpoint(path: string): Promise<void> {
  if (await kindOf(path) !== "file") return;
  for (const file of [before(path), `${path}.new`]) await removeFile(file);
}

/**
 * Removes a checkpoint, the one before it, and what a crash has left of the one after it. The checkpoint
 * itself is the last to go: a crash leaves it, or none.
 */
export async function removeCheckpoint(path: string): Promise<void> {
  for (const file of [before(path), `${path}.new`, path]) await removeFile(file);
}

/** The file to resume from, if there is one. */
async function newest(path: string): Promise<string | undefined> {
  for (const file of [path, before(path)]) if (await kindOf(file) === "file") return file;
}

/** Where the checkpoint before the one at `path` is. */
const before = (path: string): string => `${path}.old`;

async function stateOf(
  trainer: Trainer<unknown>,
  log: TrainingLog,
  times: TrainingTimes | undefined,
): Promise<CheckpointState> {
  const { steps: step, options: { seed = 0 }, model: { device: { description } } } = trainer;
  const base = await frozenDigests(trainer), { points } = trainer.heldOut;
  const heldOut = points.length > 0 ? points : undefined, device = description;
  const optimizer = narrowOptimizer(trainer), format = checkpointFormat;
  return { format, step, seed, device, platform, base, log, times, heldOut, optimizer };
}

const narrowOptimizer = ({ options: { optimizer } }: Trainer<unknown>) =>
  optimizer === "adamw" ? undefined : optimizer;

/** Reads a checkpoint as it was written. */
async function read(what: string, path: string): Promise<Checkpoint> {
  using file = await openSafetensors(path);
  const state = parseCheckpointState(what, file.metadata.state);
  const tensors = new Map();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  const digest = await checkpointDigest(file.metadata.state, tensors);
  if (digest === file.metadata.digest) return { state, tensors };
  throw new RangeError(`${what} needs the bytes that were written, found others`);
}

/** Adds to a failure that the checkpoint before is still there. */
const adviser = (path: string) => async (error: Error): Promise<never> => {
  if (await kindOf(path) === "file" && await kindOf(before(path)) === "file") {
    error.message += "; remove it to resume from the one before, which ends with .old";
  }
  throw error;
};

/** Throws unless a checkpoint is one of this trainer. */
async function assertFits(
  what: string,
  { state: { seed, step, base, heldOut, optimizer }, tensors }: Checkpoint,
  trainer: Trainer<unknown>,
): Promise<void> {
  const { options } = trainer, expected = options.seed ?? 0;
  if (seed !== expected) throw new RangeError(`${what} needs seed ${seed}, found ${expected}`);
  if (step > options.steps) {
    throw new RangeError(`${what} needs at least ${step} steps, found ${options.steps}`);
  }
  const own = narrowOptimizer(trainer), said = (name = "adamw") => name;
  if (optimizer !== own) {
    throw new RangeError(`${what} needs the optimizer ${said(optimizer)}, found ${said(own)}`);
  }
  assertSameTensors(what, tensors, trainer, heldOut !== undefined);
  const found = await frozenDigests(trainer);
  const other = Object.keys({ ...base, ...found }).find((name) => base[name] !== found[name]);
  if (other === undefined) return;
  throw new RangeError(
    `${what} needs the base model that it was trained on, found another ${other}`,
  );
}
