/** Files of weights that are compared with their configuration. @module */

import {
  type Architecture,
  bareName,
  storedShape,
  type TensorSpec,
} from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import { isBuffer, legacyName } from "../architectures/infer_architecture.ts";
import { architectureOf } from "../architectures/registry.ts";
import { ShapeError } from "../core/errors.ts";
import { oneLine } from "../core/quote.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { assertOwnConfig } from "../formats/config_digest.ts";
import type { SafetensorsFile } from "../formats/mod.ts";
import { ownerOf } from "../formats/quantized_keys.ts";
import { withoutQuantization } from "./quantization_config.ts";
import { type QuantizedWeights, readQuantizedForms } from "./quantized_weights.ts";
import { familyOf, mathematicsOfModel } from "./registry.ts";
import { type StorageOptions, type StoredForms, storedForms } from "./stored_forms.ts";

/** A file of weights that fits its `config.json`. */
export interface CheckedFile extends Pick<SafetensorsFile, "tensors"> {
  /** The `config.json`, without what it says of 4 bits. */
  readonly json: ConfigJson;
  /** The same with its family's defaults. */
  readonly config: ConfigJson;
  /** What the two describe. */
  readonly architecture: Architecture;
  /** Weights in 4 bits, by their names in the file. */
  readonly quantized: QuantizedWeights;
  /** Where the architecture's tensors are. */
  readonly places: ReadonlyMap<TensorSpec, string>;
}

/** Compares the header with the configuration. */
export async function checkFile(read: ConfigJson, file: SafetensorsFile): Promise<CheckedFile> {
  const json = withoutQuantization(read);
  const config = familyOf(json).complete(json), architecture = architectureOf(config);
  await assertOwnConfig(file.metadata, "config.json", mathematicsOfModel(json));
  const quantized = await readQuantizedForms(file, read);
  const places = namesInFile(architecture, file, quantized);
  return { tensors: file.tensors, json, config, architecture, quantized, places };
}

/** How each matrix of a checked file is stored that is not in F32, under a configuration with its head or a new one. */
export function formsOf(
  { tensors, architecture, quantized, places }: CheckedFile,
  config: ConfigJson,
  storage: StorageOptions,
): StoredForms {
  const nameInFile = new Map(
    Array.from(places, ([spec, name]) => [bareName(architecture, spec), name]),
  );
  const own = architectureOf(config);
  return storedForms(config, storage, (name) => {
    const stored = nameInFile.get(bareName(own, { name })); // A trunk alone has no prefix, one with a new head has.
    return stored === undefined ? undefined : quantized.get(stored) ?? tensors.get(stored)!.dtype;
  });
}

/** Each tensor's name in the file, once the file is known to fit the architecture. */
function namesInFile(
  architecture: Architecture,
  file: SafetensorsFile,
  quantized: QuantizedWeights,
): Map<TensorSpec, string> {
  const { modelType, tensors, copies, besides = [] } = architecture;
  const isThere = ({ name }: TensorSpec) => file.tensors.has(name);
  const names = new Map(
    [...tensors, ...besides.filter(isThere)]
      .map((spec) => [spec, findTensor(architecture, spec, file, quantized)]),
  );
  const known = new Set([...names.values(), ...copies ?? []]);
  for (const name of file.tensors.keys()) {
    if (known.has(ownerOf(name) ?? name) || isBuffer(name)) continue;
    throw new RangeError(
      `a ${modelType} file must hold only the tensors of its model, found ${oneLine(name)}`,
    );
  }
  return names;
}

function findTensor(
  { modelType, trunk }: Architecture,
  spec: TensorSpec,
  { tensors }: SafetensorsFile,
  quantized: QuantizedWeights,
): string {
  const { name, shape } = spec, bare = bareName({ trunk }, spec);
  const nameInFile = [name, bare, legacyName(name), legacyName(bare)]
    .find((candidate) => tensors.has(candidate));
  if (!nameInFile) throw new RangeError(`a ${modelType} file needs the tensor ${name}, found none`);
  const found = quantized.get(nameInFile)?.shape ??
    storedShape({ ...spec, shape: tensors.get(nameInFile)!.shape });
  if (sameShape(found, shape)) return nameInFile;
  throw new ShapeError(
    `${nameInFile} must have shape ${formatShape(shape)} as (out, in) to fit config.json, found ${
      formatShape(found)
    }`,
  );
}
