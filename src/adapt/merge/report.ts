/** Effect of a merge on each weight, in numbers. @module */

import { assertOptions } from "../../core/checks.ts";
import type { HostData, HostTensor } from "../../core/tensor.ts";
import { deltaWeight, rangesOf } from "../../core/update.ts";
import type { FloatDtype } from "../../formats/mod.ts";
import { assertStoredFinite, roundedTo } from "../../formats/safetensors/header.ts";
import { transpose } from "../../models/layers.ts";
import { assertModel, type Model } from "../../models/model.ts";
import type { AdaptedLayer } from "../../nn/embedding.ts";
import { assertAdapter } from "../adapter.ts";
import { assertLowRank, type LoraAdapter } from "../lora/adapter.ts";
import { LoraEmbedding, type LoraSite } from "../lora/site.ts";
import { adaptedLayers, assertOwnWeight } from "../sites.ts";
import { assertTensor } from "./merge.ts";

/** One merged weight. */
export interface MergedWeight {
  /** Path of the layer. */
  readonly module: string;
  /** ‖ΔW‖, Frobenius, of all merged sites together. */
  readonly deltaNorm: number;
  /** ‖W‖, Frobenius, of the whole weight. */
  readonly weightNorm: number;
  /** ‖ΔW‖ / ‖W‖. */
  readonly relativeNorm: number;
  /**
   * Share of ΔW that survives rounding to the type: ⟨round(W + ΔW) − round(W), ΔW⟩ / ‖ΔW‖², 1 if
   * nothing is lost or ΔW is zero.
   */
  readonly survivingShare: number;
  /** Bytes of the merged copy on the device. */
  readonly extraBytes: number;
}

/** Effect of a merge. */
export interface MergeReport {
  /** Each merged weight, in the order of the forward pass. */
  readonly weights: readonly MergedWeight[];
  /** Bytes of all merged copies, in addition to the base model's. */
  readonly extraBytes: number;
}

/** Options of {@link mergeReport}. */
export interface MergeReportOptions {
  /** Dtype that the merged weights would be stored as. Default F32. */
  readonly dtype?: FloatDtype;
}

/**
 * Measures what `merge(model, adapters)` does to each weight, and how much of ΔW survives when the
 * result is stored as `dtype`. Nothing on the device changes; one weight at a time is read.
 *
 * @throws {RangeError} when the model has no weight of an adapter's name and shape, or a merged value is
 * not finite in `dtype`, or an adapter has magnitudes (DoRA).
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, mergeReport, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, sites: ["q"], seed: 1 });
 * console.log((await mergeReport(model, adapter)).extraBytes); // 4 · 24 · 8 = 768
 * ```
 */
export async function mergeReport(
  model: Model,
  adapters: LoraAdapter | readonly LoraAdapter[],
  options: MergeReportOptions = {},
): Promise<MergeReport> {
  assertOptions("mergeReport", options, { dtype: true });
  const { dtype = "F32" } = options;
  assertModel("mergeReport", model);
  for (const adapter of [adapters].flat()) assertAdapter("mergeReport", adapter);
  const sites = [adapters].flat().flatMap(({ terms }) => terms);
  assertLowRank("mergeReport", sites);
  for (const { linear } of sites) assertOwnWeight(model, linear);
  for (const { linear: { weight } } of sites) assertTensor(model, weight.name, weight.shape);
  const byLayer = Map.groupBy(sites, ({ module }) => module), weights: MergedWeight[] = [];
  for (const layer of adaptedLayers(model).filter(({ name }) => byLayer.has(name))) {
    weights.push(await measure(model, layer, byLayer.get(layer.name)!, dtype));
  }
  return { weights, extraBytes: weights.reduce((sum, { extraBytes }) => sum + extraBytes, 0) };
}

async function measure(
  { device }: Model,
  { name, weight }: AdaptedLayer,
  sites: readonly LoraSite[],
  dtype: FloatDtype,
): Promise<MergedWeight> {
  using dense = weight.dense();
  const pairs = sites.flatMap(({ A, B }) => [A.tensor, B.tensor]);
  const [{ shape, data }, ...values] = await device.read(dense, ...pairs);
  const delta = new Float64Array(data.length);
  sites.forEach((site, i) => addSite(delta, site, values[2 * i], values[2 * i + 1]));
  const merged = delta.map((value, i) => value + data[i]);
  assertStoredFinite("cannot merge", `${name}.weight`, { shape, data: merged }, dtype);
  const deltaNorm = norm(delta), weightNorm = norm(data);
  return {
    module: name,
    deltaNorm,
    weightNorm,
    relativeNorm: deltaNorm / weightNorm,
    survivingShare: survivingShare(
      data,
      merged,
      delta,
      (values) => roundedTo(new Float32Array(values), dtype),
    ),
    extraBytes: dense.bytes,
  };
}

function addSite(delta: Float64Array, site: LoraSite, A: HostTensor, B: HostTensor): void {
  const isTable = site instanceof LoraEmbedding, { scaling } = site;
  const { shape, data } = deltaWeight(
    isTable ? { A: transpose(B), B: A, scaling } : { A, B, scaling },
  );
  const width = shape[1];
  for (const { before, start, count } of rangesOf(site.rows)) {
    for (let i = 0; i < count * width; i++) delta[start * width + i] += data[before * width + i];
  }
}

function survivingShare(
  weight: HostData,
  merged: Float64Array,
  delta: Float64Array,
  round: (values: Float64Array) => ArrayLike<number>,
): number {
  const before = round(Float64Array.from(weight));
  const after = round(merged);
  let kept = 0, whole = 0;
  for (let i = 0; i < delta.length; i++) {
    kept += (after[i] - before[i]) * delta[i];
    whole += delta[i] * delta[i];
  }
  return whole === 0 ? 1 : kept / whole;
}

function norm(values: HostData): number {
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += values[i] * values[i];
  return Math.sqrt(squares);
}
