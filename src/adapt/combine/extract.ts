/** An adapter from a model that was trained in full. @module */

import { toDense } from "../../analysis/input.ts";
import { truncationError } from "../../analysis/mod.ts";
import { cutSvd } from "../../analysis/spectrum.ts";
import type { ConfigJson } from "../../architectures/config_fields.ts";
import type { LinearSpec } from "../../architectures/mod.ts";
import { isRecord } from "../../core/checks.ts";
import { quote } from "../../core/errors.ts";
import { boundsOf } from "../../core/numbers.ts";
import { sameShape } from "../../core/tensor.ts";
import type { LowRankUpdate } from "../../core/update.ts";
import { assertNoOtherKind } from "../../formats/folder_kind.ts";
import { configFile } from "../../formats/peft/keys.ts";
import { writeAdapter } from "../../formats/peft/write.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import { type DenseMatrix, difference, frobeniusNorm, multiply, svd } from "../../linalg/mod.ts";
import { architectureIn, type BaseFile, openBase } from "../../models/base_file.ts";
import { transpose } from "../../models/layers.ts";
import { isSamePlace } from "../../storage/files.ts";
import { hasFile } from "../../storage/storage.ts";
import { baseNameIn } from "../adapter.ts";
import {
  certified,
  type CertifiedUpdate,
  storedFactors,
  type TotalError,
  totalOf,
} from "./combine.ts";

/** Options of {@link extractFolder}. */
export interface ExtractRequest {
  /** The Hugging Face folder of the base model, of a family whose layers are known. */
  readonly base: string;
  /** The same model after full fine-tuning. */
  readonly tuned: string;
  /** The PEFT folder to write. */
  readonly output: string;
  /** Rank of every update. */
  readonly rank: number;
  /** Type of the values in the file. Default F32. */
  readonly dtype?: FloatDtype;
}

/** Result of {@link extractFolder}. */
export interface Extraction {
  /** Every layer whose weight has changed. */
  readonly modules: readonly CertifiedUpdate[];
  /** All of them together. */
  readonly total: TotalError;
  /** Linear layers whose weights are the base's. */
  readonly unchanged: readonly string[];
  /** Other tensors that have changed, which an adapter of linear layers does not have. */
  readonly leftOut: readonly LeftOut[];
}

/** A changed tensor that is no weight of a linear layer. */
export interface LeftOut {
  /** Its name in the tuned model's file. */
  readonly name: string;
  /** ‖T − T₀‖ / ‖T₀‖; none where the base has no such tensor of that shape. */
  readonly relativeNorm?: number;
}

/**
 * Writes a LoRA adapter, α = r, with the best approximation of W_tuned − W_base of a rank for every linear layer
 * that has changed (Eckart and Young 1936), and says how far each is from it. The folder is saved as a whole.
 *
 * Memory: two weights, their difference and its singular vectors in float64.
 *
 * @throws {RangeError} when the family is unknown, the models do not fit each other, nothing has changed, the rank
 * is above every layer's, a value is not finite, or the output folder holds something else.
 * @throws {Error} when a folder does not hold a model in safetensors files.
 */
export async function extractFolder(request: ExtractRequest): Promise<Extraction> {
  const { output, rank, dtype = "F32" } = request;
  await assertPlaces(request);
  using base = await openBase(request.base);
  using tuned = await openBase(request.tuned);
  assertOneFamily(base, tuned);
  const linears = linearsOf(base), used = new Set<string>();
  assertRank(rank, linears);
  const updates: LowRankUpdate[] = [], modules: CertifiedUpdate[] = [], unchanged: string[] = [];
  for (const linear of linears) {
    used.add(locate(tuned, linear).key);
    const delta = difference(await weightOf(tuned, linear), await weightOf(base, linear));
    const found = approximate(linear.name, delta, rank, dtype);
    if (!found) unchanged.push(linear.name);
    else {
      updates.push(found.update);
      modules.push(found.row);
    }
  }
  const leftOut = await changedBeside(base, tuned, used);
  assertChanged(updates, request);
  await writeAdapter(output, {
    ...{ updates, dtype, baseModelName: baseNameIn(request.base) },
    taskType: taskTypeIn(base.config),
    fanInFanOut: linears.some((linear) => locate(base, linear).isTransposed),
  });
  return { modules, total: totalOf(modules), unchanged, leftOut };
}

/** The best update of a rank for a change, as a file of a type holds it; none for a change of zero. */
function approximate(module: string, delta: DenseMatrix, rank: number, dtype: FloatDtype) {
  const norm = frobeniusNorm(delta), what = `the change of ${module}`;
  if (norm === 0) return undefined;
  const decomposition = svd(delta), { A, B, scaling } = cutSvd(decomposition, rank, 1, what);
  const factors = storedFactors({ A, B, scaling }, dtype);
  const product = multiply(toDense(factors.B, what), toDense(factors.A, what));
  const frobenius = frobeniusNorm(difference(delta, product)), relative = frobenius / norm;
  const least = truncationError(decomposition.values, rank).relative;
  const row = certified(module, [], factors, { norm, frobenius, relative, least });
  return { update: { module, ...factors }, row };
}

function assertChanged(updates: readonly LowRankUpdate[], { tuned }: ExtractRequest): void {
  if (updates.length > 0) return;
  throw new RangeError(
    `extract needs a weight of a linear layer that has changed, found none in ${tuned}`,
  );
}

async function assertPlaces({ base, tuned, output }: ExtractRequest): Promise<void> {
  if (await isSamePlace(base, tuned)) {
    throw new RangeError(`extract needs the base and the tuned model, found ${base} twice`);
  }
  for (const folder of [base, tuned]) {
    if (await hasFile(folder, "config.json") || !await hasFile(folder, configFile)) {
      continue;
    }
    throw new RangeError(`extract needs the folders of two models, found an adapter in ${folder}`);
  }
  await assertNoOtherKind(output, "adapter");
}

/** Of another family, a layer's name or shape would be the first thing that does not fit. */
function assertOneFamily(...models: readonly BaseFile[]): void {
  const types = models.map(({ config }) => isRecord(config) ? config.model_type : undefined);
  if (types.includes(undefined) || types[0] === types[1]) return;
  const [base, tuned] = models.map(({ folder }, i) => `${quote(types[i])} in ${folder}`);
  throw new RangeError(
    `extract needs two models of one family, found model_type ${base} and ${tuned}`,
  );
}

/** The layers of the trunk whose weight is one matrix; PEFT does not adapt heads and embeddings by default. */
function linearsOf(base: BaseFile): LinearSpec[] {
  const { config, folder } = base;
  const linears = architectureIn(config)?.linears.filter(({ kind }) => kind === "linear") ?? [];
  const found = linears.filter(({ name }) => base.find(`${name}.weight`).length === 1);
  if (found.length > 0) return found;
  const type = quote(isRecord(config) ? config.model_type ?? null : null);
  throw new RangeError(
    `extract needs a base of a family whose layers are known, found model_type ${type} in ${folder}`,
  );
}

function assertRank(rank: number, linears: readonly LinearSpec[]): void {
  const most = boundsOf(linears.map(({ inputs, outputs }) => Math.min(inputs, outputs)))[1];
  if (Number.isInteger(rank) && rank >= 1 && rank <= most) return;
  throw new RangeError(
    `the rank must be in 1 … ${most}, the most that a layer can have, found ${rank}`,
  );
}

const locate = (model: BaseFile, { name, inputs, outputs }: LinearSpec) =>
  model.locate({ module: name, A: { shape: [1, inputs] }, B: { shape: [outputs, 1] } });

/** (out, in), in float64. */
async function weightOf(model: BaseFile, linear: LinearSpec): Promise<DenseMatrix> {
  const { key, isTransposed } = locate(model, linear), stored = await model.file.read(key);
  return toDense(isTransposed ? transpose(stored) : stored, `${key} in ${model.folder}`);
}

async function changedBeside(
  base: BaseFile,
  tuned: BaseFile,
  used: ReadonlySet<string>,
): Promise<LeftOut[]> {
  const changed: LeftOut[] = [];
  for (const [name, { shape }] of tuned.file.tensors) {
    if (used.has(name)) continue;
    const [key] = base.find(name), own = key === undefined ? undefined : base.file.tensors.get(key);
    if (!own || !sameShape(own.shape, shape)) {
      changed.push({ name });
      continue;
    }
    const [before, after] = [await base.file.read(key), await tuned.file.read(name)];
    const distance = Math.sqrt(sumOf(before.data, (value, i) => (after.data[i] - value) ** 2));
    if (distance === 0) continue;
    changed.push({ name, relativeNorm: distance / Math.sqrt(sumOf(before.data, (v) => v * v)) });
  }
  return changed;
}

function sumOf(values: ArrayLike<number>, term: (value: number, i: number) => number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += term(values[i], i);
  return sum;
}

/** PEFT's task type of a class of models. */
function taskTypeIn({ architectures }: ConfigJson): string | null {
  const [name = ""] = Array.isArray(architectures) ? architectures.map(String) : [];
  if (/ForSequenceClassification$/.test(name)) return "SEQ_CLS";
  return /(LMHeadModel|ForCausalLM)$/.test(name) ? "CAUSAL_LM" : null;
}
