/** Reads PEFT adapter folders. @module */

import type { Folder } from "../core/storage.ts";
import { AdapterReader } from "./adapter_reader.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import type { PeftAdapter, ReadAdapterOptions } from "./peft_adapter.ts";

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
