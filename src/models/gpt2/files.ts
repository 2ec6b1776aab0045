/** GPT-2 to and from a Hugging Face folder. @module */

import { join } from "node:path";
import { ShapeError } from "../../core/errors.ts";
import { writeJsonAtomic } from "../../core/files.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { formatShape, sameShape } from "../../core/shape.ts";
import type { Device } from "../../device/device.ts";
import type { FloatDtype, SafetensorsFile } from "../../formats/mod.ts";
import { openSafetensors, writeSafetensors } from "../../formats/mod.ts";
import { transpose } from "../transpose.ts";
import { gpt2ConfigJson, parseGpt2Config } from "./config.ts";
import { Gpt2, type Gpt2Options } from "./gpt2.ts";
import { isStoredTransposed, untiedHead } from "./layout.ts";

/** Tensors of older files that hold no parameters: causal masks. */
const buffers = /\.attn\.(bias|masked_bias)$/;

/** Reads a GPT-2 folder's weights, with or without the `transformer.` prefix. */
export async function loadGpt2(
  device: Device,
  folder: string,
  config: Readonly<Record<string, unknown>>,
  options?: Gpt2Options,
): Promise<Gpt2> {
  using file = await openSafetensors(folder);
  const model = Gpt2.allocate(device, parseGpt2Config(config), options);
  try {
    await readWeights(model, file);
    return model;
  } catch (error) {
    model[Symbol.dispose]();
    throw error;
  }
}

async function readWeights(model: Gpt2, file: SafetensorsFile): Promise<void> {
  const names = namesInFile(model, file);
  assertNothingUnknown(model, file, new Set(names.values()));
  for (const [name, nameInFile] of names) {
    const { shape, tensor } = model.parameters.get(name)!;
    const values = reorient(name, await file.read(nameInFile));
    if (!sameShape(values.shape, shape)) {
      throw new ShapeError(
        `${nameInFile} must have shape ${
          formatShape(shape)
        } as (out, in) to fit config.json, found ${formatShape(values.shape)}`,
      );
    }
    model.device.write(tensor, values.data);
  }
}

function namesInFile(model: Gpt2, file: SafetensorsFile): Map<string, string> {
  const bare = (name: string) => name.replace(/^transformer\./, "");
  const found = [...model.parameters.keys()].map((name): [string, string] => {
    const nameInFile = [name, bare(name)].find((candidate) => file.tensors.has(candidate));
    if (!nameInFile) throw new RangeError(`a GPT-2 file needs the tensor ${name}, found none`);
    return [name, nameInFile];
  });
  return new Map(found);
}

function assertNothingUnknown(model: Gpt2, file: SafetensorsFile, known: Set<string>): void {
  const redundantHead = model.config.tie_word_embeddings ? untiedHead : undefined;
  for (const name of file.tensors.keys()) {
    if (!known.has(name) && !buffers.test(name) && name !== redundantHead) {
      throw new RangeError(`a GPT-2 file may hold GPT-2's tensors only, found ${name}`);
    }
  }
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
  const parameters = [...model.parameters.values()];
  const values = await model.device.read(...parameters.map(({ tensor }) => tensor));
  const entries = parameters.map(({ name }, i) => [name, reorient(name, values[i])] as const);
  const path = join(folder, "model.safetensors");
  await writeSafetensors(path, entries, { dtype, metadata: { format: "pt" } });
  await writeJsonAtomic(join(folder, "config.json"), {
    ...gpt2ConfigJson(model.config),
    torch_dtype: { F32: "float32", F16: "float16", BF16: "bfloat16" }[dtype],
  });
}
