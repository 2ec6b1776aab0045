/** GPT-2 to and from a Hugging Face folder. @module */

import { storedShape, type TensorSpec } from "../../architectures/architecture.ts";
import type { ConfigJson } from "../../architectures/config_fields.ts";
import {
  gpt2Architecture,
  type Gpt2Config,
  gpt2ConfigJson,
  parseGpt2Config,
  untiedHead,
} from "../../architectures/gpt2.ts";
import { isBuffer } from "../../architectures/infer_architecture.ts";
import { ShapeError } from "../../core/errors.ts";
import { writeJsonAtomic } from "../../core/files.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import { fileIn, type Folder } from "../../core/storage.ts";
import type { Device } from "../../device/device.ts";
import type { FloatDtype, SafetensorsFile } from "../../formats/mod.ts";
import { openSafetensors, writeSafetensors } from "../../formats/mod.ts";
import { readTensors } from "../parameter_files.ts";
import { reorient } from "../transpose.ts";
import { Gpt2, type Gpt2Options } from "./gpt2.ts";

/**
 * Reads a GPT-2 folder's weights, with or without the `transformer.` prefix. The file's header is compared
 * with the configuration before anything is allocated: neither can ask for more than the file holds.
 */
export async function loadGpt2(
  device: Device,
  folder: Folder,
  json: ConfigJson,
  options?: Gpt2Options,
): Promise<Gpt2> {
  using file = await openSafetensors(folder);
  const config = parseGpt2Config(json), names = namesInFile(config, file);
  const model = Gpt2.allocate(device, config, options);
  try {
    for (const [spec, nameInFile] of names) {
      const values = reorient(spec, await file.read(nameInFile));
      device.write(model.parameters.get(spec.name)!.tensor, values.data);
    }
    return model;
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

/** The file's name of every tensor, after both were found to fit. */
function namesInFile(config: Gpt2Config, { tensors }: SafetensorsFile): Map<TensorSpec, string> {
  if (config.n_layer > tensors.size) {
    throw new RangeError(
      `a GPT-2 file needs tensors for ${config.n_layer} blocks, found ${tensors.size} tensors`,
    );
  }
  const names = new Map(
    gpt2Architecture(gpt2ConfigJson(config)).tensors.map((
      spec,
    ) => [spec, findTensor(spec, tensors)]),
  );
  const known = new Set(names.values());
  const redundantHead = config.tie_word_embeddings ? untiedHead : undefined;
  for (const name of tensors.keys()) {
    if (!known.has(name) && !isBuffer(name) && name !== redundantHead) {
      throw new RangeError(`a GPT-2 file may hold GPT-2's tensors only, found ${name}`);
    }
  }
  return names;
}

function findTensor(spec: TensorSpec, tensors: SafetensorsFile["tensors"]): string {
  const { name, shape } = spec;
  const bare = name.replace(/^transformer\./, "");
  const nameInFile = [name, bare].find((candidate) => tensors.has(candidate));
  if (!nameInFile) throw new RangeError(`a GPT-2 file needs the tensor ${name}, found none`);
  const found = storedShape({ ...spec, shape: tensors.get(nameInFile)!.shape });
  if (sameShape(found, shape)) return nameInFile;
  throw new ShapeError(
    `${nameInFile} must have shape ${formatShape(shape)} as (out, in) to fit config.json, found ${
      formatShape(found)
    }`,
  );
}

/** Writes `config.json` and `model.safetensors`. */
export async function saveGpt2(
  model: Gpt2,
  folder: string,
  dtype: FloatDtype = "F32",
): Promise<void> {
  const specs = model.architecture.tensors;
  const values = await readTensors(model, specs.map(({ name }) => name));
  const entries = specs.map((spec, i) => [spec.name, reorient(spec, values[i])] as const);
  const path = fileIn(folder, "model.safetensors");
  await writeSafetensors(path, entries, { dtype, metadata: { format: "pt" } });
  await writeJsonAtomic(fileIn(folder, "config.json"), {
    ...gpt2ConfigJson(model.config),
    torch_dtype: { F32: "float32", F16: "float16", BF16: "bfloat16" }[dtype],
  });
}
