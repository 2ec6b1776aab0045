/** Runs: from a specification to a folder of results, resumable at any time. @module */

import { writeJsonAtomic } from "../core/files.ts";
import { FolderClaim } from "../core/folder_claim.ts";
import { assertOptions } from "../core/options.ts";
import { kindOf } from "../core/storage.ts";
import { type Model, saveModel, type TextModel } from "../models/mod.ts";
import { removeOlderCheckpoint } from "../train/checkpoint.ts";
import { restoreBest } from "../train/validation.ts";
import {
  assertFiniteResult,
  hasCheckpoint,
  saveCheckpoint,
  Trainer,
  TrainingClock,
} from "../train/mod.ts";
import { readRun, writeResult } from "./finished_run.ts";
import { lossOf } from "./losses.ts";
import { applyMethod } from "./method.ts";
import { type RunFiles, runFiles, type RunResult, tidyRunFolder, writeSpec } from "./run_folder.ts";
import { type RunLedger, watchLedger } from "./run_ledger.ts";
import { runOptionNames, type RunOptions, type Trained } from "./run_options.ts";
import { startOf, takeSteps, withHeldOut } from "./run_steps.ts";
import { trainingGroups } from "./training_groups.ts";
import { assertSpec, type RunSpec } from "./spec.ts";

/**
 * Trains what a specification describes and writes a folder `<folder>/<hash of the specification>` with
 * `spec.json`, the `adapter` (PEFT) or the `model` (Hugging Face), `log.json`, `times.json`, `ledger.json`
 * and `metrics.json`. A run that has finished is read, not trained again; one that was stopped or killed
 * resumes from its last checkpoint, bit for bit if the device allows it.
 *
 * The peak of the device's ledger is reset. `done.json` is written last, with the digests of all other
 * files but the times: after a crash a folder without it is not finished, and the same call resumes. One
 * process at a time works in a run's folder; if somebody removes it meanwhile, it is made again.
 *
 * @throws {TypeError} when the specification, its method or its training is not an object, or an option does
 * not exist.
 * @throws {RangeError} when the device is not of the specification's kind, a loss is not finite, what was
 * trained is not, a checkpoint is damaged or of another base, or a finished run's file has changed.
 * @throws {Error} when another process works in the run's folder, or it cannot be written.
 * @throws The signal's reason when it was stopped; call again to resume.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { run, type RunSpec } from "@lowrank/core/runs";
 *
 * using device = await openDevice({ kind: "cpu" });
 * const folder = await Deno.makeTempDir();
 * const spec: RunSpec = {
 *   model: { vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 },
 *   method: { kind: "lora", rank: 2, sites: ["q", "v"] },
 *   data: [[1, 2, 3]],
 *   training: { learningRate: 1e-2, steps: 5 },
 *   seed: 1,
 *   device: "cpu",
 * };
 * const { log } = await run(spec, {
 *   folder,
 *   device,
 *   openModel: ({ model, seed }, device) => {
 *     return initGpt2(device, parseGpt2Config(model as Record<string, unknown>), { seed });
 *   },
 *   openBatches: ({ data }) => (data as number[][]).map((row) => ({
 *     inputs: { tokens: { shape: [1, row.length], data: Uint32Array.from(row) } },
 *     targets: { shape: [1, row.length], data: Int32Array.from([...row.slice(1), -100]) },
 *   })),
 * });
 * console.log(log.loss.length); // 5
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function run<M extends Model = TextModel>(
  spec: RunSpec,
  options: RunOptions<M>,
): Promise<RunResult> {
  assertOptions("run", options, runOptionNames);
  const { device } = options;
  assertSpec(spec, device);
  const files = await runFiles(options.folder, spec);
  using claim = new FolderClaim(files.folder);
  const finished = await readOrClaim(files, spec, claim);
  if (finished) return finished;
  const { adapt = adaptByMethod, save = saverTo(files, spec) } = options;
  const measureBytes = watchLedger(device);
  using model = await options.openModel(spec, device);
  using adapter = await adapt(model, spec);
  const made = { model, adapter };
  const begin = async () => {
    await claim.take();
    await writeSpec(files, spec);
  };
  const onReady = async (model: M, steps: number) => {
    await options.onReady?.(model, steps);
    await begin();
  };
  const hold = async () => {
    if (await claim.isHeld()) return;
    await options.onRemoved?.();
    await begin();
  };
  const ready = { ...options, onReady, hold };
  const { log, times, exact, ledger } = await trainOn(made, spec, files, ready, measureBytes);
  const metrics = await options.measure?.(model, spec) ?? {};
  await hold();
  await removeOlderCheckpoint(files.checkpoint); // What is saved now may need its place on the disk.
  await save({ ...made, log, times });
  const { folder } = files, { description } = device;
  const result = { folder, spec, log, ledger, metrics, exact, device: description };
  await writeJsonAtomic(files.times, times);
  await writeResult(files, result);
  await tidyRunFolder(files);
  return result;
}

/** The result if the run is finished; otherwise claims its folder, if there is one. */
async function readOrClaim(
  files: RunFiles,
  spec: RunSpec,
  claim: FolderClaim,
): Promise<RunResult | undefined> {
  const finished = await readRun(files, spec);
  if (!finished && await kindOf(files.folder) !== "folder") return undefined;
  if (!finished) {
    await claim.take();
    return await readRun(files, spec); // Another process may have finished it in between.
  }
  if (await hasCheckpoint(files.checkpoint)) {
    // Killed at its end; where the claim is refused, the other process removes them.
    await claim.take().then(() => tidyRunFolder(files), () => {});
  }
  return finished;
}

const adaptByMethod = (model: Model, { method, seed }: RunSpec) => applyMethod(model, method, seed);

const saverTo =
  (files: RunFiles, { training: { dtype = "F32" } }: RunSpec) =>
  ({ model, adapter }: Trained<Model>): Promise<void> =>
    adapter ? adapter.save(files.adapter, { dtype }) : saveModel(model, files.model, dtype);

/** Trains to the end, or throws the reason why it stopped. */
async function trainOn<M extends Model>(
  made: Omit<Trained<M>, "log" | "times">,
  spec: RunSpec,
  files: RunFiles,
  options: RunOptions<M> & { readonly hold: () => Promise<void> },
  measureBytes: () => RunLedger,
): Promise<Pick<Trained, "log" | "times"> & { exact: boolean; ledger: RunLedger }> {
  const { training, seed } = spec, { model } = made;
  const { objective, labelSmoothing, validateEvery, patience, dtype: _dtype, ...others } = training;
  const { loraPlusRatio: _, loraPlusEmbeddingRate: _rate, ...settings } = others;
  const batches = await options.openBatches(spec);
  const validation = await options.openValidation?.(spec);
  using trainer = new Trainer(model, {
    ...settings,
    groups: trainingGroups(made.adapter, training, spec.method),
    loss: lossOf({ objective, labelSmoothing }),
    seed,
  });
  const { log, exact, times } = await startOf(files, trainer);
  await options.onReady?.(model, trainer.steps);
  const clock = new TrainingClock(times);
  const kept = () => ({ log: withHeldOut(log, trainer), times: clock.times });
  try {
    const watch = { ...options, validation, validateEvery, patience };
    const save = async () => {
      await options.hold();
      await saveCheckpoint(files.checkpoint, trainer, log, clock.times);
    };
    await takeSteps(trainer, batches, { log, clock, save }, watch);
    const ledger = measureBytes();
    await assertFiniteResult(trainer);
    return { ...kept(), exact, ledger };
  } catch (failure) {
    // The checkpoint has the last values. A lone measurement is that of the start, which is no result.
    const isMeasured = trainer.heldOut.points.length > 1;
    if (isMeasured && options.signal?.reason === failure) restoreBest(trainer);
    await options.onCut?.({ ...made, ...kept() }, failure);
    throw failure;
  }
}
