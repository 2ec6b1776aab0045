/** GPT-2 to and from a Hugging Face folder. @module */

import { ShapeError } from "../../core/errors.ts";
import { writeJsonAtomic } from "../../core/files.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { fileIn, type Folder } from "../../core/storage.ts";
import type { ArenaEntry } from "../../device/arena.ts";
import type { Device } from "../../device/device.ts";
import type { FloatDtype, SafetensorsFile } from "../../formats/mod.ts";
import { openSafetensors, writeSafetensors } from "../../formats/mod.ts";
import { readTensors } from "../parameter_files.ts";
import { transpose } from "../transpose.ts";
import { type Gpt2Config, gpt2ConfigJson, parseGpt2Config } from "./config.ts";
import { Gpt2, type Gpt2Options } from "./gpt2.ts";
import { gpt2Entries, isStoredTransposed, untiedHead } from "./layout.ts";

/** Tensors of older files that hold no parameters: causal masks. */
const buffers = /\.attn\.(bias|masked_bias)$/;

/**
 * Reads a GPT-2 folder's weights, with or without the `transformer.` prefix. The file's header is held
 * against the configuration before anything is allocated: neither can ask for more than the file holds.
 */
export async function loadGpt2(
  device: Device,
  folder: Folder,
  json: Readonly<Record<string, unknown>>,
  options?: Gpt2Options,
): Promise<Gpt2> {
  using file = await openSafetensors(folder);
  const config = parseGpt2Config(json), names = namesInFile(config, file);
  const model = Gpt2.allocate(device, config, options);
  try {
    for (const [name, nameInFile] of names) {
      const values = reorient(name, await file.read(nameInFile));
      device.write(model.parameters.get(name)!.tensor, values.data);
    }
    return model;
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** The file's name of every parameter, after both were found to fit. */
function namesInFile(config: Gpt2Config, { tensors }: SafetensorsFile): Map<string, string> {
  if (config.n_layer > tensors.size) {
    throw new RangeError(
      `a GPT-2 file needs tensors for ${config.n_layer} blocks, found ${tensors.size} tensors`,
    );
  }
  const names = new Map(
    gpt2Entries(config).map((entry) => [entry.name, findEntry(entry, tensors)]),
  );
  const known = new Set(names.values());
  const redundantHead = config.tie_word_embeddings ? untiedHead : undefined;
  for (const name of tensors.keys()) {
    if (!known.has(name) && !buffers.test(name) && name !== redundantHead) {
      throw new RangeError(`a GPT-2 file may hold GPT-2's tensors only, found ${name}`);
    }
  }
  return names;
}

function findEntry({ name, shape }: ArenaEntry, tensors: SafetensorsFile["tensors"]): string {
  const bare = name.replace(/^transformer\./, "");
  const nameInFile = [name, bare].find((candidate) => tensors.has(candidate));
  if (!nameInFile) throw new RangeError(`a GPT-2 file needs the tensor ${name}, found none`);
  const stored = tensors.get(nameInFile)!.shape;
  const found = isStoredTransposed(name) ? stored.toReversed() : stored;
  if (sameShape(found, shape)) return nameInFile;
  throw new ShapeError(
    `${nameInFile} must have shape ${formatShape(shape)} as (out, in) to fit config.json, found ${
      formatShape(found)
    }`,
  );
}

/** A parameter's values, or its gradient, from a file's orientation to ours or back: a swap of axes. */
export function reorient(name: string, values: HostTensor): HostTensor {
  return isStoredTransposed(name) && values.shape.length === 2 ? transpose(values) : values;
}

/** Writes `config.json` and `model.safetensors`. */
export async function saveGpt2(
  model: Gpt2,
  folder: string,
  dtype: FloatDtype = "F32",
): Promise<void> {
  const names = gpt2Entries(model.config).map(({ name }) => name);
  const values = await readTensors(model, names);
  const entries = names.map((name, i) => [name, reorient(name, values[i])] as const);
  const path = fileIn(folder, "model.safetensors");
  await writeSafetensors(path, entries, { dtype, metadata: { format: "pt" } });
  await writeJsonAtomic(fileIn(folder, "config.json"), {
    ...gpt2ConfigJson(model.config),
    torch_dtype: { F32: "float32", F16: "float16", BF16: "bfloat16" }[dtype],
  });
}
