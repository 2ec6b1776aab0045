/** The files of an adapter in each program's form. @module */

import { AdapterFileError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import type { FolderFile } from "../../core/save_folder.ts";
import { pathIn } from "../../core/storage.ts";
import { encode } from "../../formats/dtype.ts";
import {
  type AdapterRecord,
  joinUpdates,
  kohyaTensors,
  type LowRankUpdate,
} from "../../formats/mod.ts";
import { adapterFiles } from "../../formats/write_adapter.ts";
import type { EncodedTensor } from "../../formats/encoded_tensor.ts";
import { safetensorsFile } from "../../formats/write_safetensors.ts";
import { loralibFile } from "./loralib_record.ts";
import { layersKey } from "./kohya_record.ts";
import { peftMetadata } from "./peft_metadata.ts";
import type { AdapterDialect } from "./read_any.ts";

/** What forms leave to choose. */
export interface DialectChoices {
  /** `enable_lora` of loralib's `MergedLinear`. */
  readonly enabled?: readonly boolean[];
  /** kohya's name of the part of a diffusion model. */
  readonly network?: string;
}

/**
 * The files, the one that makes the folder readable last.
 *
 * @throws {AdapterFileError} when the form cannot hold all of the record.
 */
export async function dialectFiles(
  to: AdapterDialect,
  output: string,
  record: AdapterRecord,
  { enabled, network }: DialectChoices,
): Promise<{ files: FolderFile[]; alpha?: number }> {
  if (to === "peft") return { files: await adapterFiles(output, record) };
  assertHolds(to, record);
  const { dtype } = record, stated = peftMetadata(record);
  if (to === "loralib") {
    const { tensors, metadata: own, alpha } = loralibFile(record, enabled);
    const metadata = { ...stated, ...own };
    const path = pathIn(output, "lora.safetensors");
    return { files: [safetensorsFile(path, tensors, { dtype, metadata })], alpha };
  }
  const modules = [...Map.groupBy(record.updates, ({ module }) => module).values()].map(joined);
  const layers = JSON.stringify(modules.map(({ module }) => module));
  const path = pathIn(output, "pytorch_lora_weights.safetensors");
  const metadata = { format: "pt", ...stated, [layersKey]: layers };
  const tensors = Array.from(kohyaTensors(modules, network), inOwnType);
  return { files: [safetensorsFile(path, tensors, { dtype, metadata })] };
}

/** 16 bits do not hold every α. */
function inOwnType([name, tensor]: readonly [string, HostTensor]) {
  if (!name.endsWith(".alpha")) return [name, tensor] as const;
  const { shape, data } = tensor;
  const pieces = async function* () {
    yield encode(data, "F32");
  };
  return [name, { shape, dtype: "F32", pieces } satisfies EncodedTensor] as const;
}

const joined = (sites: readonly LowRankUpdate[]): LowRankUpdate => joinUpdates(sites);

/**
 * Neither form tells an embedding from a layer, or has magnitudes, biases of B or rows of tokens; kohya's has no
 * whole modules, either.
 */
function assertHolds(
  to: AdapterDialect,
  { updates, saved, biases, rows }: AdapterRecord,
): void {
  const embedding = updates.find(({ isEmbedding }) => isEmbedding);
  const dora = updates.find(({ magnitude }) => magnitude);
  const biased = updates.find(({ bias }) => bias);
  const others = to === "kohya" ? [...saved?.keys() ?? [], ...biases?.keys() ?? []] : [];
  const found = embedding
    ? `the adapted embedding "${embedding.module}"`
    : dora
    ? `DoRA on "${dora.module}": --plain folds it, within an --error`
    : biased
    ? `a bias of B on "${biased.module}"`
    : rows && rows.size > 0
    ? `trained tokens of "${[...rows.keys()][0]}"`
    : others.length > 0 && `"${others[0]}", which was trained in full`;
  if (!found) return;
  const holds = to === "kohya" ? "A, B and alpha" : "A, B, biases and whole modules";
  throw new AdapterFileError(`a file of ${to} holds ${holds} alone, found ${found}`);
}
