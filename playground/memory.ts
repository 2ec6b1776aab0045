/** Bytes of a training step of a model, with LoRA and in full, by the ledger of the dry device. @module */

import { injectLora } from "../src/adapt/lora/inject.ts";
import { architectureOf, catalog, type ConfigJson } from "../src/architectures/mod.ts";
import type { BytesByRole } from "../src/device/mod.ts";
import { completeConfig } from "../src/models/mod.ts";
import { type PredictionOptions, predictMemory } from "../src/runs/predict_memory.ts";

/** The step whose bytes are wanted. */
export interface MemoryQuestion {
  /** The model's configuration. */
  readonly config: ConfigJson;
  /** r. */
  readonly rank: number;
  /** Roles of the adapted sites, or all linear layers. */
  readonly sites: readonly string[] | "all-linear";
  /** Storage of the base while LoRA is trained; in full it is F32. */
  readonly dtype: "F32" | "BF16" | "nf4";
  /** Sequences in a batch, and their tokens, of which no more count than the model takes. */
  readonly batch: number;
  readonly length: number;
}

/** Bytes at the peak of a step, by role. */
export interface MemoryAnswer {
  readonly lora: BytesByRole;
  readonly full: BytesByRole;
  /** Values that LoRA trains, and those that full fine-tuning trains. */
  readonly trained: { readonly lora: number; readonly full: number };
  /** Tokens of a sequence that were counted. */
  readonly length: number;
}

/**
 * Runs one step each on the dry device, which allocates nothing.
 *
 * @throws {RangeError} when the model is none that the library runs.
 */
export function countMemory(
  { config, rank, sites, dtype, batch, length }: MemoryQuestion,
): MemoryAnswer {
  const complete = completeConfig(config), { positions = Infinity } = architectureOf(complete);
  const step = { batch, length: Math.min(length, positions) };
  const where = sites === "all-linear" ? { targetModules: sites } as const : { sites };
  const adapt: PredictionOptions["adapt"] = (model) => void injectLora(model, { rank, ...where });
  const lora = predictMemory(complete, { ...step, dtype, adapt });
  const full = predictMemory(complete, { ...step, dtype: "F32" });
  return {
    lora: lora.peakByRole,
    full: full.peakByRole,
    // A gradient is four bytes for each.
    trained: { lora: lora.byRole.gradient / 4, full: full.byRole.gradient / 4 },
    length: step.length,
  };
}

/** Names of the catalog's models that the library runs. */
export const models: readonly string[] = Object.keys(catalog).filter((name) => {
  try {
    return completeConfig(catalog[name].config);
  } catch {
    return false; // Of another family, or with a width that its heads do not divide.
  }
});
