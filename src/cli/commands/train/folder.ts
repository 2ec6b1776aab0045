/** The output folder of `train`: what it holds, and what may be written to it. @module */

import { basename, join } from "node:path";
import { isRecord, isText } from "../../../core/checks.ts";
import { quote } from "../../../core/errors.ts";
import { type FloatDtype, floatTypes } from "../../../core/float_types.ts";
import { howMany } from "../../../core/numbers.ts";
import { nonFiniteAt } from "../../../core/tensor.ts";
import { weightFilesIn } from "../../../formats/folder_kind.ts";
import { configFile } from "../../../formats/peft/keys.ts";
import {
  countTrainable,
  type RightAnswers,
  rightAnswersOn,
  saveModel,
  type TextModel,
} from "../../../models/mod.ts";
import { writeSpec } from "../../../runs/folder.ts";
import {
  type JsonRecord,
  type RunFiles,
  runFiles,
  type RunOptions,
  type RunSpec,
  type Trained,
} from "../../../runs/mod.ts";
import { type RunEnd, runIn, type RunPlace } from "../../../runs/run.ts";
import { canonicalJson, fileDigests } from "../../../storage/digest.ts";
import {
  listFolder,
  makeFolder,
  readJson,
  removeFile,
  removeFolder,
  removeLeftovers,
  writeJsonAtomic,
} from "../../../storage/files.ts";
import { FolderClaim } from "../../../storage/folder.ts";
import { hasFile, kindOf } from "../../../storage/storage.ts";
import { checkpointStep } from "../../../train/checkpoint.ts";
import { isDiverged } from "../../../train/evaluate.ts";
import { hasCheckpoint, type HeldOutLoss, type TrainingLog } from "../../../train/mod.ts";
import { pathWord } from "../../options.ts";
import type { TrainRequest } from "./request.ts";

/** The numbers of a training; `run.json` in its folder also has its specification and digests. */
export interface TrainedRecord {
  /** Completed steps. */
  readonly steps: number;
  /** Number of trained values. */
  readonly trainable: number;
  /** Loss of the last step, before its update. */
  readonly loss: number | null;
  /** Loss of the first step. */
  readonly firstLoss: number | null;
  /** The held-out loss before training and at its lowest, where it was measured. */
  readonly heldOut?: { readonly before: number; readonly best: number; readonly bestStep: number };
  /** The number of held-out prompts that are answered right in the end, where there are some. */
  readonly answers?: RightAnswers;
}

/** The record of a training, finished or not. */
export function recordOf({ loss, heldOut }: TrainingLog, trainable: number): TrainedRecord {
  return {
    steps: loss.length,
    trainable,
    loss: loss.at(-1) ?? null,
    firstLoss: loss[0] ?? null,
    ...heldOut && { heldOut: extremesOf(heldOut) },
  };
}

/** The record of a run with {@link measuredOf}. */
function recordIn({ log, metrics: { trainable, ...measured } }: RunEnd): TrainedRecord {
  return { ...recordOf(log, trainable as number), ...measured };
}

/** Measures what a record has beside the log, at the end of a training, on the values that are saved. */
export async function measuredOf(
  model: TextModel,
  { kind, validation }: Pick<TrainRequest, "kind" | "validation">,
): Promise<JsonRecord> {
  const trainable = countTrainable(model);
  if (kind !== "prompted" || validation.length === 0) return { trainable };
  return { trainable, answers: { ...await rightAnswersOn(model, validation) } };
}

/** The first and the lowest of held-out losses. */
export function extremesOf(
  points: readonly HeldOutLoss[],
): NonNullable<TrainedRecord["heldOut"]> {
  const { loss: best, step: bestStep } = points.reduce((a, b) => b.loss < a.loss ? b : a);
  return { before: points[0].loss, best, bestStep };
}

/** A specification, which may come from a file. */
type Spec = Readonly<Record<string, unknown>>;

/**
 * In what a training that was found differs from the one that was asked for: `learningRate 0.001 instead of
 * 0.002 and another base model`. Empty if they are the same, or nothing is known of the one found.
 */
function differencesOf(found: unknown, asked: Spec): string {
  if (!isRecord(found)) return "";
  const there = partsOf(found), here = partsOf(asked);
  const names = Object.keys({ ...there, ...here }).filter((name) =>
    canonicalJson(there[name] ?? null) !== canonicalJson(here[name] ?? null)
  );
  return names.map((name) => difference(name, there[name], here[name])).join(" and ");
}

function difference(name: string, found: unknown, asked: unknown): string {
  if ([found, asked].some(isRecord)) return `another ${name}`;
  return `${name} ${said(found)} instead of ${said(asked)}`;
}

const said = (value: unknown): string => value === undefined ? "by default" : quote(value);

/** The parts of a specification by the names that users know; digests are records, to be called another. */
function partsOf({ model, method, data, training, seed, device }: Spec): Record<string, unknown> {
  const { base, adapter, baseDtype } = fieldsOf(model),
    { batches, texts, validation, ...reading } = fieldsOf(data);
  const { kind, ...settings } = fieldsOf(method);
  return {
    "base model": base,
    "adapter to begin with": adapter,
    "base-dtype": baseDtype,
    method: kind,
    ...settings,
    batches: batches && { batches },
    data: texts && { texts },
    "held-out texts": isDigest(validation) ? { validation } : validation,
    ...reading,
    ...fieldsOf(training),
    seed,
    device,
  };
}

const isDigest = (value: unknown): boolean => isText(value) && value.length === 64;

const fieldsOf = (value: unknown): Spec => isRecord(value) ? value : {};

/**
 * The output folder of one training, in which `run` works and to which it saves. It is claimed as long as a process
 * works on it. Its subfolder `run` has the training in progress; `saved.json` there has the digests of the weights that
 * it has saved. `run.json`, written when everything else is, says which training made which weights: with it the
 * training is finished.
 */
export class TrainFolder implements RunPlace, Disposable {
  /** The folder. */
  readonly output: string;
  readonly #runs: string;
  readonly #spec: RunSpec;
  readonly #hash: string;
  readonly #files: RunFiles;
  readonly #saved: string;
  readonly #claim: FolderClaim;

  private constructor(output: string, spec: RunSpec, files: RunFiles) {
    this.output = output;
    this.#runs = join(output, "run");
    this.#spec = spec;
    this.#hash = basename(files.folder);
    this.#files = files;
    this.#saved = join(files.folder, "saved.json");
    this.#claim = new FolderClaim(output);
  }

  /**
   * Looks at the folder, and claims a training in progress that it may hold.
   *
   * @throws {Error} when another process works in it.
   */
  static async open(output: string, spec: RunSpec): Promise<TrainFolder> {
    const files = await runFiles(join(output, "run"), spec);
    const folder = new TrainFolder(output, spec, files);
    if (await kindOf(folder.#runs) === "folder") await folder.#claim.take();
    return folder;
  }

  /** The record of this training, if it is finished; completes an end that was cut off. */
  async finished(): Promise<TrainedRecord | undefined> {
    const file = join(this.output, "run.json");
    if (await kindOf(file) !== "file" || (await this.#weightFiles()).length === 0) return undefined;
    const record = await readJson(file);
    if (!isRecord(record) || record.training !== this.#hash) return undefined;
    if (!isSame(record.weights, await this.#weights())) return undefined;
    if (await this.#claim.isHeld()) await removeFolder(this.#runs);
    const { training: _, spec: __, weights: ___, ...made } = record;
    return made as unknown as TrainedRecord;
  }

  /**
   * Asserts that the folder holds no weights, and no training in progress, but those of this training.
   *
   * @throws {RangeError} when it holds others.
   */
  async assertFree(): Promise<void> {
    const files = await this.#weightFiles(), other = await this.#otherRun(), { output } = this;
    const place = "choose another folder";
    const owner = other === undefined ? this.#files.folder : join(this.#runs, other);
    if (files.length > 0 && !await this.#hasSaved(owner)) {
      const all = [...files, ...other === undefined ? [] : ["run/"]];
      const made = await this.#madeBy();
      throw new RangeError(
        `${output} already holds ${contentOf(files)} that this training has not made (${made}); ` +
          `${place}, or remove ${all.join(" and ")}`,
      );
    }
    if (other === undefined) return;
    throw new RangeError(
      `${output} holds a training in progress with ${await this.#differences(other)}, which its ` +
        `own command resumes; for this one ${place}`,
    );
  }

  /**
   * Trains, or continues what was begun. The training in progress is removed when it is finished, and kept
   * when there is something to resume. A folder that somebody removes meanwhile is made again, unless another
   * training has taken its place.
   */
  async train(options: Omit<RunOptions, "folder" | "save">): Promise<TrainedRecord> {
    const onRemoved = async () => {
      await this.#take();
      await options.onRemoved?.();
    };
    try {
      return recordIn(await runIn(this, this.#spec, { ...options, onRemoved }));
    } catch (error) {
      if (await this.#claim.isHeld() && !await this.#isWorthKeeping()) {
        await removeFolder(this.#files.folder);
        await removeFile(this.#runs); // Not removed if it still holds the checkpoint of another run.
      }
      throw error;
    }
  }

  /** The training so far. */
  get checkpoint(): string {
    return this.#files.checkpoint;
  }

  /** Claims the folder, unless another training has taken it meanwhile, and says in `run` whose it is. */
  async begin(): Promise<void> {
    await this.#take();
    await makeFolder(this.#files.folder);
    await writeSpec(this.#files, this.#spec);
  }

  /** True while the folder is claimed, and the training in progress is there. */
  async isHeld(): Promise<boolean> {
    return await this.#claim.isHeld() && await kindOf(this.#files.folder) === "folder";
  }

  /**
   * Saves what was trained, and records that the weights are of this training. After a crash while it writes, the
   * folder's weights count as saved, whatever they are.
   *
   * @throws {RangeError} when the folder's weights have been replaced by others since, or are not finite in their type.
   * @throws {Error} when they cannot be written; the message says what the same command begins with.
   */
  async save(trained: Trained): Promise<void> {
    await this.#take();
    await this.assertFree();
    const { dtype } = this.#spec.training;
    let failure: RangeError | undefined;
    try {
      await makeFolder(this.#files.folder);
      await writeJsonAtomic(this.#saved, null);
      await this.#lend(async () => void (failure = await saveTrained(this.output, trained, dtype)));
      await writeJsonAtomic(this.#saved, await this.#weights());
    } catch (error) {
      throw new Error(`${(error as Error).message}; ${await this.#rest()}`, { cause: error });
    }
    if (failure) throw failure;
  }

  /**
   * Says that the weights are those of this training, and removes what was needed to resume. After a crash before
   * that, the same command trains from the last checkpoint; after one in between, it finds `run.json` and
   * completes this.
   */
  async finish(end: RunEnd): Promise<void> {
    await removeLeftovers(this.output);
    const weights = await readJson(this.#saved);
    const made = { training: this.#hash, spec: this.#spec, ...recordIn(end), weights };
    await writeJsonAtomic(join(this.output, "run.json"), made);
    await removeFolder(this.#runs);
  }

  /** Gives the claim back. */
  [Symbol.dispose](): void {
    this.#claim[Symbol.dispose]();
  }

  /** Gives the claim back for a save, which takes it itself. */
  async #lend(write: () => Promise<void>): Promise<void> {
    this.#claim[Symbol.dispose]();
    try {
      await write();
    } finally {
      await this.#claim.take();
    }
  }

  /** Claims the folder for a training that is about to begin, and again if it has been removed since. */
  async #take(): Promise<void> {
    if (await this.#claim.isHeld()) return;
    await this.#claim.take();
    await this.assertFree(); // Another process may have been here since.
  }

  /** Says what is left of a training whose weights could not be saved. */
  async #rest(): Promise<string> {
    const steps = await checkpointStep(this.#files.checkpoint);
    return steps === undefined
      ? "there is no checkpoint, so the same command begins anew"
      : `the checkpoint after ${
        howMany(steps, "step")
      } is there, from which the same command resumes`;
  }

  async #isWorthKeeping(): Promise<boolean> {
    return await hasCheckpoint(this.#files.checkpoint) || (await this.#weightFiles()).length > 0;
  }

  async #weightFiles(): Promise<string[]> {
    const { output } = this;
    return [...await weightFilesIn(output, "adapter"), ...await weightFilesIn(output, "model")];
  }

  /** Digests of the weights in the folder, and of what describes them. */
  async #weights(): Promise<Record<string, string>> {
    const names = /^((adapter_)?model\.safetensors(\.index\.json)?|(adapter_)?config\.json)$/;
    return await fileDigests(this.output, names);
  }

  /** True if the weights in the folder are those that the training of a run's folder has saved so far. */
  async #hasSaved(run: string): Promise<boolean> {
    const file = join(run, "saved.json");
    if (await kindOf(file) !== "file") return false;
    const saved = await readJson(file);
    return saved === null || isSame(saved, await this.#weights());
  }

  /** The name of another training in progress, if there is one and none of this training. */
  async #otherRun(): Promise<string | undefined> {
    if (await kindOf(this.#files.folder) === "folder") return undefined;
    return await kindOf(this.#runs) === "folder" ? (await listFolder(this.#runs))[0] : undefined;
  }

  /** In what the training that made the folder's weights differs, or that nobody knows. */
  async #madeBy(): Promise<string> {
    const record = await readJson(join(this.output, "run.json")).catch(() => undefined);
    const unknown = "its settings, batches, base or bytes differ";
    if (!isRecord(record) || !isSame(record.weights, await this.#weights())) return unknown;
    const differences = differencesOf(record.spec, { ...this.#spec });
    if (differences === "") return unknown;
    const longer = await hasFile(this.output, configFile)
      ? `; to train it further, give --adapter ${pathWord(this.output)} and another --output`
      : "";
    return `it was made with ${differences}${longer}`;
  }

  /** In what the specification of another training in progress differs, as far as it can be read. */
  async #differences(other: string): Promise<string> {
    const spec = await readJson(join(this.#runs, other, "spec.json")).catch(() => undefined);
    return differencesOf(spec, { ...this.#spec }) || "other settings, batches or weights";
  }
}

const isSame = (one: unknown, other: unknown): boolean =>
  canonicalJson(one ?? null) === canonicalJson(other ?? null);

const contentOf = (files: readonly string[]): string =>
  files.some((name) => name.startsWith("adapter_")) ? "an adapter" : "a model";

/**
 * Saves what was trained, with its log and times. Values that are not finite in a narrower type are saved in F32:
 * nothing is lost.
 *
 * @returns An error that says so, then.
 */
export async function saveTrained(
  output: string,
  { model, adapter, log, times }: Trained,
  dtype: FloatDtype = "F32",
): Promise<RangeError | undefined> {
  const save = (type: FloatDtype) =>
    adapter ? adapter.save(output, { dtype: type }) : saveModel(model, output, type);
  let failure: RangeError | undefined;
  try {
    await save(dtype);
  } catch (error) {
    if (dtype === "F32" || !(error instanceof RangeError)) throw error;
    await save("F32");
    const reason = error.message.replace(/^cannot write .*?: (?=the values of )/s, "");
    failure = new RangeError(
      `${dtype} cannot hold what was trained, which is in ${output} in F32: ${reason}; give --dtype ` +
        `${widerThan(dtype)} and another --output`,
      { cause: error },
    );
  }
  await writeJsonAtomic(join(output, "log.json"), log);
  await writeJsonAtomic(join(output, "times.json"), times);
  return failure;
}

/** The types that hold larger values than one does, the smallest first, for a message. */
const widerThan = (dtype: FloatDtype): string =>
  Object.values(floatTypes).filter(({ infinite }) => infinite > floatTypes[dtype].infinite)
    .map(({ element }) => element).reverse().join(" or ");

/** The remains of a training, and how to save them. */
export interface Remains {
  /** The output folder. */
  readonly output: string;
  /** The model in training and the log of its successful steps. */
  readonly trained: Trained;
  /** Saves everything, as after the last step. */
  readonly save: (trained: Trained) => Promise<void>;
}

/**
 * Saves what was trained before a failure. Weights that are not finite are not written: they might
 * overwrite good ones.
 *
 * @returns The failure, with a note on what was saved.
 */
export async function rescue(failure: unknown, remains: Remains): Promise<unknown> {
  if (!(failure instanceof Error) || remains.trained.log.loss.length === 0) return failure;
  const kept = await keep(remains).catch((error) =>
    `not all that was trained could be saved: ${error.message}`
  );
  const hint = isDiverged(failure) ? "; try a lower --learning-rate" : "";
  return new Error(`${failure.message}; ${kept}${hint}`, { cause: failure });
}

async function keep({ output, trained, save }: Remains): Promise<string> {
  const { model, log } = trained, steps = howMany(log.loss.length, "step");
  const parameters = model.trainable().map(({ tensor }) => tensor);
  const values = await model.device.read(...parameters);
  if (values.every(({ data }) => nonFiniteAt(data) < 0)) {
    await save(trained);
    return `wrote the weights after ${steps}, and the log, to ${output}`;
  }
  await writeJsonAtomic(join(output, "log.json"), log);
  return `wrote the log of ${steps} to ${output}, without the weights: they are not finite`;
}
