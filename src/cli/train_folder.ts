/** The output folder of `train`: what it holds, and what may be written to it. @module */

import { join } from "node:path";
import { listFolder, readJson, removeFolder, writeJsonAtomic } from "../core/files.ts";
import { FolderClaim } from "../core/folder_claim.ts";
import { removeLeftovers } from "../core/leftovers.ts";
import { hasFile, kindOf } from "../core/storage.ts";
import { hashOf, type RunSpec } from "../runs/mod.ts";
import { isFields } from "./cases.ts";

/** What a finished training is known by; `run.json` in its folder. */
export interface TrainedRecord {
  /** Completed steps. */
  readonly steps: number;
  /** Number of trained values. */
  readonly trainable: number;
  /** Loss of the last step, before its update. */
  readonly loss: number | null;
}

/** Files that are, or describe, weights. */
const weights = {
  "adapter_config.json": "an adapter",
  "adapter_model.safetensors": "an adapter",
  "model.safetensors": "a model",
  "model.safetensors.index.json": "a model",
};

/**
 * The output folder of one training. Its subfolder `run` has the training in progress, and is claimed as
 * long as a process works on it; `run.json`, written when everything else is, says which training made
 * the weights.
 */
export class TrainFolder implements Disposable {
  /** The folder. */
  readonly output: string;
  /** Its subfolder for the training in progress. */
  readonly runs: string;
  readonly #hash: string;
  readonly #claim: FolderClaim;

  private constructor(output: string, hash: string) {
    this.output = output;
    this.runs = join(output, "run");
    this.#hash = hash;
    this.#claim = new FolderClaim(this.runs);
  }

  /**
   * Looks at the folder, and claims a training in progress that it may hold.
   *
   * @throws {Error} when another process works in it.
   */
  static async open(output: string, spec: RunSpec): Promise<TrainFolder> {
    const folder = new TrainFolder(output, await hashOf(spec));
    if (await kindOf(folder.runs) === "folder") await folder.#claim.take();
    return folder;
  }

  /** Whether this process may write to the folder. */
  get isClaimed(): boolean {
    return this.#claim.isTaken;
  }

  /** What this training has made, if it is finished; completes an end that was cut off. */
  async finished(): Promise<TrainedRecord | undefined> {
    const file = join(this.output, "run.json");
    if (await kindOf(file) !== "file" || !await this.weightsFile()) return undefined;
    const record = await readJson(file);
    if (!isFields(record) || record.training !== this.#hash) return undefined;
    if (this.isClaimed) await removeFolder(this.runs);
    const { steps, trainable, loss } = record as unknown as TrainedRecord;
    return { steps, trainable, loss };
  }

  /**
   * Throws where the folder holds weights, or a training in progress, that are not of this training.
   *
   * @throws {RangeError} then.
   */
  async assertFree(): Promise<void> {
    if (await kindOf(join(this.runs, this.#hash)) === "folder") return;
    const file = await this.weightsFile(), { output, runs } = this;
    if (file) {
      throw new RangeError(
        `${output} already holds ${weights[file]} that this training has not made (its settings, ` +
          `batches or weights differ); choose another folder, or remove ${file}`,
      );
    }
    if (await kindOf(runs) !== "folder" || (await listFolder(runs)).length === 0) return;
    throw new RangeError(
      `${output} holds a training with other settings, batches or weights, which its own command ` +
        `resumes; choose another folder, or remove ${runs}`,
    );
  }

  /** Claims the folder for a training that is about to begin. */
  async claim(): Promise<void> {
    if (this.isClaimed) return;
    await this.#claim.take();
    await this.assertFree(); // Another process may have been here since.
  }

  /**
   * Says that the weights are those of this training, and removes what was needed to resume. After a
   * crash, the same command finds the run that is finished, or `run.json`, and completes this.
   */
  async finish(record: TrainedRecord): Promise<void> {
    await removeLeftovers(this.output);
    await writeJsonAtomic(join(this.output, "run.json"), { training: this.#hash, ...record });
    await removeFolder(this.runs);
  }

  /** The first file of weights that the folder holds. */
  async weightsFile(): Promise<keyof typeof weights | undefined> {
    for (const file of Object.keys(weights) as (keyof typeof weights)[]) {
      if (await hasFile(this.output, file)) return file;
    }
    return undefined;
  }

  /** Gives the claim back. */
  [Symbol.dispose](): void {
    this.#claim[Symbol.dispose]();
  }
}
