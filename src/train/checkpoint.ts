/**
 * Checkpoints: everything that a trainer needs to continue as if it had never stopped. Their state
 * and tensors are checked as they are read, and digests tell if a frozen value has changed.
 *
 * @module
 */

import { isRecord, isText, jsonValue } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { platform } from "../core/platform.ts";
import {
  formatShape,
  type HostTensor,
  nonFiniteAt,
  sameShape,
  type Shape,
} from "../core/tensor.ts";
import type { Tensor } from "../device/device.ts";
import { openSafetensors } from "../formats/safetensors/shards.ts";
import { writeSafetensors } from "../formats/safetensors/write.ts";
import { sha256 } from "../storage/digest.ts";
import { moveFile, removeFile } from "../storage/files.ts";
import { kindOf } from "../storage/storage.ts";
import type { OptimizerSlot } from "./optimizer_layout.ts";
import { emptyLog, isLog, isTimes, type TrainingLog, type TrainingTimes } from "./train.ts";
import { type HeldOutLoss, isHeldOut, type Trainer } from "./trainer.ts";

// Checkpoints.

/** The content of a checkpoint. */
interface Checkpoint {
  readonly state: CheckpointState;
  readonly tensors: CheckpointTensors;
}

/** Result of {@link resumeCheckpoint}. */
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
 * trainable parameter, and 4 more for the values at the lowest held-out loss if
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

/** Path of the checkpoint before the one at `path`. */
const before = (path: string): string => `${path}.old`;

async function stateOf(
  trainer: Trainer<unknown>,
  log: TrainingLog,
  times: TrainingTimes | undefined,
): Promise<CheckpointState> {
  const { steps: step, options: { seed = 0 }, model: { device: { description } } } = trainer;
  const base = await frozenDigests(trainer), { points } = trainer.heldOut;
  const heldOut = points.length > 0 ? points : undefined, device = description;
  return { format: checkpointFormat, step, seed, device, platform, base, log, times, heldOut };
}

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
  { state: { seed, step, base, heldOut }, tensors }: Checkpoint,
  trainer: Trainer<unknown>,
): Promise<void> {
  const { options } = trainer, expected = options.seed ?? 0;
  if (seed !== expected) throw new RangeError(`${what} needs seed ${seed}, found ${expected}`);
  if (step > options.steps) {
    throw new RangeError(`${what} needs at least ${step} steps, found ${options.steps}`);
  }
  assertSameTensors(what, tensors, trainer, heldOut !== undefined);
  const found = await frozenDigests(trainer);
  const other = Object.keys({ ...base, ...found }).find((name) => base[name] !== found[name]);
  if (other === undefined) return;
  throw new RangeError(
    `${what} needs the base model that it was trained on, found another ${other}`,
  );
}

// The state.

/** The name of the format. */
const checkpointFormat = "lowrank checkpoint 2";

/** The `state` in a checkpoint's metadata, as JSON. */
export interface CheckpointState {
  readonly format: typeof checkpointFormat;
  /** Completed steps. */
  readonly step: number;
  readonly seed: number;
  /** Description of the device that made it. */
  readonly device: string;
  /** The operating system and JavaScript engine, on which the last bits of results may depend. */
  readonly platform: string;
  /** Digests of what was frozen, by name. */
  readonly base: TensorDigests;
  /** `step` numbers in each list; or none, if no log was kept. */
  readonly log: TrainingLog;
  /** Its times, if they are kept. */
  readonly times?: TrainingTimes;
  /** The held-out losses so far, if they are measured. */
  readonly heldOut?: readonly HeldOutLoss[];
  /**
   * Optimizer of a training by an older version, if it was not `adamw`: no trainer can resume it.
   */
  readonly optimizer?: string;
}

/** Requirements of each field, in words and as a function of it and the step. */
const rules: readonly [
  field: keyof CheckpointState,
  rule: string,
  isTrue: (value: unknown, step: number) => boolean,
][] = [
  ["step", "a whole number", (value) => Number.isSafeInteger(value) && value as number >= 0],
  ["seed", "a number", Number.isFinite],
  ["device", "a text", isText],
  ["platform", "a text", isText],
  ["base", "a record of digests", (value) => isRecord(value) && Object.values(value).every(isText)],
  [
    "log",
    "a number for every step in each of its lists",
    (value, step) => isLog(value) && [0, step].includes(value.loss.length),
  ],
  [
    "times",
    "seconds, and milliseconds for at most every step,",
    (value = { seconds: 0, ms: [] }, step) => isTimes(value, step),
  ],
  [
    "heldOut",
    "held-out losses of some steps",
    (value = [{ step: 0, loss: 0 }]) => isHeldOut(value),
  ],
  ["optimizer", "adamw", (value = "adamw") => value === "adamw"],
];

/**
 * Reads the state, for a sentence that begins with `what`.
 *
 * @throws {RangeError} when it is of another format, or a field has a value that cannot be true.
 */
function parseCheckpointState(what: string, text = "null"): CheckpointState {
  const state = jsonValue(text), format = isRecord(state) ? state.format : undefined;
  if (format === checkpointFormat) {
    return assertCheckpointState(what, state as unknown as CheckpointState);
  }
  const found = !isText(format)
    ? "none"
    : `${quote(format)}: it is from another version, start again without it`;
  throw new RangeError(`${what} needs a "${checkpointFormat}" in its metadata, found ${found}`);
}

/** Returns the state after checking its fields. */
function assertCheckpointState(what: string, state: CheckpointState): CheckpointState {
  for (const [field, rule, isTrue] of rules) {
    if (isTrue(state[field], state.step)) continue;
    const found = quote(state[field]);
    throw new RangeError(`${what} needs ${rule} as its ${field}, found ${found}`);
  }
  return state;
}

// Tensors.

/** Values by their names in a checkpoint's file. */
export type CheckpointTensors = ReadonlyMap<string, HostTensor>;

/** The values of a trainer, those at its lowest held-out loss included; `what` begins errors. */
async function readTensors(
  what: string,
  trainer: Trainer<unknown>,
): Promise<Map<string, HostTensor>> {
  const tensors = tensorsOf(trainer), names = [...tensors.keys()];
  const values = await trainer.model.device.read(...tensors.values());
  values.forEach(({ data }, i) => {
    const at = nonFiniteAt(data);
    if (at >= 0) {
      throw new RangeError(`${what} needs finite values, found ${data[at]} in ${names[i]}`);
    }
  });
  const { bestValues } = trainer.heldOut, best = bestNames(trainer);
  return new Map([
    ...names.map((name, i) => [name, values[i]] as const),
    ...bestValues.map((tensor, i) => [best[i], tensor] as const),
  ]);
}

/** Throws unless a file has every tensor of a trainer in its shape, and no others. */
function assertSameTensors(
  what: string,
  found: CheckpointTensors,
  trainer: Trainer<unknown>,
  hasBest: boolean,
): void {
  const fail = (name: string, found: string) => {
    throw new RangeError(`${what} needs the same parameters, found ${name} ${found}`);
  };
  const expected = shapesOf(trainer, hasBest);
  for (const [name, shape] of expected) {
    const entry = found.get(name);
    if (!entry) return fail(name, "missing");
    if (!sameShape(entry.shape, shape)) {
      return fail(name, `${formatShape(entry.shape)} for ${formatShape(shape)}`);
    }
  }
  for (const name of found.keys()) if (!expected.has(name)) fail(name, "in the file only");
}

/** Writes a checkpoint's values to a trainer that they fit. */
function restoreTensors(tensors: CheckpointTensors, trainer: Trainer<unknown>): void {
  for (const [name, tensor] of tensorsOf(trainer)) {
    tensor.device.write(tensor, tensors.get(name)!.data);
  }
  const best = bestNames(trainer).flatMap((name) => tensors.get(name) ?? []);
  trainer.heldOut.bestValues = best;
}

function shapesOf(trainer: Trainer<unknown>, hasBest: boolean): Map<string, Shape> {
  const best = bestNames(trainer), { slots } = trainer.optimizer;
  return new Map([
    ...[...tensorsOf(trainer)].map(([name, { shape }]) => [name, shape] as const),
    ...hasBest ? slots.map(({ parameter }, i) => [best[i], parameter.tensor.shape] as const) : [],
  ]);
}

/** The tensors of a trainer by their names in the file. */
function tensorsOf(trainer: Trainer<unknown>): Map<string, Tensor> {
  return new Map(
    namedSlots(trainer).flatMap(([name, { parameter, first, second }]) => [
      [`parameter.${name}`, parameter.tensor] as const,
      [`first.${name}`, first] as const,
      [`second.${name}`, second] as const,
    ]),
  );
}

const bestNames = (trainer: Trainer<unknown>): string[] =>
  namedSlots(trainer).map(([name]) => `best.${name}`);

function namedSlots({ optimizer: { slots } }: Trainer<unknown>): [string, OptimizerSlot][] {
  const seen = new Map<string, number>();
  return slots.map((slot) => {
    const { parameter: { name } } = slot, count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    // Two adapters on one site have the same names.
    return [count === 1 ? name : `${name}#${count}`, slot];
  });
}

// Digests.

/** Digests of tensors by their names. */
export type TensorDigests = Readonly<Record<string, string>>;

/** A digest of a checkpoint: its state as text, and the name, shape, dtype and bytes of every tensor. */
export async function checkpointDigest(
  state: string,
  tensors: ReadonlyMap<string, HostTensor>,
): Promise<string> {
  const parts = [state];
  for (const name of [...tensors.keys()].sort()) {
    parts.push(name, await digestOf(tensors.get(name)!));
  }
  return await sha256(new TextEncoder().encode(JSON.stringify(parts)));
}

/**
 * Digests of everything in a trainer's model that is frozen. It is read once for each trainer.
 */
function frozenDigests(trainer: Trainer<unknown>): Promise<TensorDigests> {
  const known = digests.get(trainer) ?? digestFrozen(trainer);
  digests.set(trainer, known);
  return known;
}

const digests = new WeakMap<Trainer<unknown>, Promise<TensorDigests>>();

async function digestFrozen({ model, optimizer }: Trainer<unknown>): Promise<TensorDigests> {
  const trained = new Set(optimizer.slots.map(({ parameter }) => parameter));
  const frozen = [...model.parameters?.values() ?? []].filter((one) => !trained.has(one));
  const found: Record<string, string> = {};
  let bytes = 0;
  const groups = Map.groupBy(frozen, ({ own }) => Math.floor((bytes += own.bytes) / readBytes));
  for (const group of groups.values()) {
    const values = await model.device.read(...group.map(({ own }) => own));
    for (const [i, { name }] of group.entries()) found[name] = await digestOf(values[i]);
  }
  for (const weight of model.weights?.values() ?? []) {
    using dense = weight.dense();
    found[weight.name] = await digestOf((await model.device.read(dense))[0]);
  }
  return found;
}

/** Bytes that are read at once: on a GPU every read waits, and on the host they take memory. */
const readBytes = 2 ** 26;

/** Dtype, shape and SHA-256 of the values as they are stored: codes in U32, all else in F32. */
async function digestOf({ shape, data }: HostTensor): Promise<string> {
  const isCodes = data instanceof Uint32Array;
  const { buffer, byteOffset, byteLength } = isCodes || data instanceof Float32Array
    ? data
    : Float32Array.from(data);
  const bytes = new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
  return `${isCodes ? "U32" : "F32"} ${formatShape(shape)} ${await sha256(bytes)}`;
}
