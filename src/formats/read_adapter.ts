/** Reads PEFT adapter folders. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { Folder } from "../core/storage.ts";
import type { AdapterException } from "./adapter_exceptions.ts";
import { AdapterReader } from "./adapter_reader.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import type { FloatDtype } from "./dtype.ts";
import type { PeftConfig } from "./peft_config.ts";
import type { BiasMode, TrainedRows } from "./peft_extras.ts";
import type { QuantizedForm } from "../quant/quantized_tensor.ts";

/** A PEFT adapter as a record. */
export interface PeftAdapter {
  /** The parsed `adapter_config.json`. */
  readonly config: PeftConfig;
  /**
   * In the order of layer numbers: an update for each site if the file names a module's sites (as files
   * written by Lowrank do), else one update of all rows for the module.
   */
  readonly updates: readonly TrainedUpdate[];
  /** Tensors of fully trained modules (`modules_to_save`) that were read, by their names in the model. */
  readonly saved: ReadonlyMap<string, HostTensor>;
  /** `modules_to_save`: the names of modules that were trained in full. */
  readonly savedModules: readonly string[];
  /** Trained biases of the base model that were read, by their names in it. */
  readonly biases: ReadonlyMap<string, HostTensor>;
  /** Which biases these are. */
  readonly biasMode: BiasMode;
  /** Rows of embeddings that were read (`trainable_token_indices`), by the paths of the embeddings. */
  readonly rows: ReadonlyMap<string, TrainedRows>;
  /** What `allow` let pass: `unknownTensors: base_model.model.score.weight`. */
  readonly passed: readonly string[];
  /** Tensors of what was trained beside A and B which were not read. */
  readonly leftOut: readonly string[];
  /** How its file stores values; F32 if tensors differ. */
  readonly dtype: FloatDtype;
  /** How the prompts of its training were written, if the file says so. */
  readonly promptFormat?: PromptFormat;
  /** How the base was quantized that it was trained on, if the file says so. */
  readonly quantizedBase?: QuantizedForm;
}

/** Options of {@link readAdapter}. */
export interface ReadAdapterOptions {
  /**
   * Read only the updates: what was trained beside A and B is left out instead of refused, but for DoRA,
   * without which they mean nothing. Default false.
   */
  readonly updatesOnly?: boolean;
  /**
   * Read what was trained beside A and B instead of refusing it: modules in full, with the tables of resized
   * vocabularies, biases of the base model, magnitudes of DoRA, biases of B, rows of embeddings. Default
   * false.
   */
  readonly withSaved?: boolean;
  /** What may pass that stops a strict reader, by name. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}

/**
 * Reads a PEFT adapter folder: `adapter_config.json` and `adapter_model.safetensors`. It may be one of
 * the Hugging Face hub, `hf:OWNER/NAME[@REVISION]`.
 *
 * Ranks and scalings follow `r`, `lora_alpha`, `use_rslora`, `rank_pattern` and `alpha_pattern`.
 * Weights that the configuration does not select, tensors that are not part of a pair of A and B, targets
 * that match nothing, and settings that change the mathematics but are not implemented are refused, never
 * ignored. Exceptions must be requested: `allow` lets each kind pass, `updatesOnly` leaves out what was
 * trained beside A and B; the result names what was passed or left out.
 *
 * @throws {AdapterFileError} when the folder is incomplete, broken, or has settings that are not
 * supported, or values that are NaN, infinite or beyond F32 and not allowed; the message names the
 * field or tensor, the rule and the value found.
 *
 * @example
 * ```ts
 * import { readAdapter, writeAdapter } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const A = { shape: [1, 3], data: Float32Array.of(1, 2, 3) };
 * const B = { shape: [2, 1], data: Float32Array.of(1, -1) };
 * await writeAdapter(folder, { updates: [{ module: "layer.0.query", A, B, scaling: 2 }] });
 * const { updates } = await readAdapter(folder);
 * console.log(updates[0].module, updates[0].scaling); // layer.0.query 2
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function readAdapter(
  folder: Folder,
  options: ReadAdapterOptions = {},
): Promise<PeftAdapter> {
  await using stream = streamAdapter(folder, options);
  const updates: TrainedUpdate[] = [];
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) updates.push(next.value);
  return { ...next.value, updates };
}

/**
 * Reads a PEFT adapter folder as {@link readAdapter} does, one update after the other, so that not all of them need
 * to be in memory; returns the rest. That the folder is in order is known only at its end.
 *
 * @throws {AdapterFileError} as {@link readAdapter}.
 */
export async function* streamAdapter(
  folder: Folder,
  options: ReadAdapterOptions = {},
): AsyncGenerator<TrainedUpdate, Omit<PeftAdapter, "updates">> {
  using reader = await AdapterReader.open(folder, options);
  for (const module of reader.modules) yield* await reader.read(module);
  return await reader.finish();
}
