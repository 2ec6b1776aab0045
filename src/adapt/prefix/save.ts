/** Virtual tokens as PEFT's records, and back. @module */

import { type HostTensor, hostTensor } from "../../core/host_tensor.ts";
import { assertOptions } from "../../core/options.ts";
import type { PromptFormat } from "../../core/prompt_format.ts";
import { type PromptConfig, type PromptRecord, writePrompt } from "../../formats/mod.ts";
import { labelsOf } from "../../models/labels.ts";
import type { TextModel } from "../../models/text_model.ts";
import type { BlockShape, VirtualTokens } from "../../nn/virtual_tokens.ts";
import { baseNameOf, type SaveAdapterOptions, saveNames } from "../adapter.ts";
import type { TrainedModules } from "../trained_modules.ts";
import type { PrefixKind } from "./virtual.ts";

/** What is saved. */
interface Saved {
  readonly kind: PrefixKind;
  readonly model: TextModel;
  readonly virtual: VirtualTokens;
  readonly modules: TrainedModules;
  readonly modulesToSave: readonly string[];
  readonly promptFormat?: PromptFormat;
}

/** Saves a folder: see `PrefixAdapter.save`. */
export async function savePrefix(
  folder: string,
  { kind, model, virtual, modules, modulesToSave, promptFormat }: Saved,
  options: SaveAdapterOptions,
): Promise<void> {
  assertOptions("save", options, saveNames);
  const labels = modulesToSave.length > 0 ? labelsOf(model) : undefined;
  const values = await model.device.read(...virtual.parameters.map(({ tensor }) => tensor));
  const record = {
    ...promptConfig(kind, virtual.count, model.blockShape),
    savedModules: modulesToSave,
    prompt: joinColumns(values),
    saved: await modules.read(),
    promptFormat,
  };
  const written = { baseModelName: baseNameOf(model), taskType: taskOf(model), labels };
  await writePrompt(folder, record, { ...written, ...options });
}

/** PEFT has no task for a masked language model with virtual tokens. */
function taskOf(model: TextModel): string | null {
  if (model.architecture.head === "classes") return "SEQ_CLS";
  return model.isCausal ? "CAUSAL_LM" : null;
}

/** What PEFT says of the virtual tokens of a method on a model. */
export function promptConfig(
  kind: PrefixKind,
  tokens: number,
  { count: layers, width, heads, keys }: BlockShape,
): Omit<PromptConfig, "savedModules"> {
  return kind === "prefix-tuning"
    ? { type: "PREFIX_TUNING", tokens, layers, ...keys! }
    : { type: "PROMPT_TUNING", tokens, layers, width, heads };
}

/** The values of tensors (tokens, width), side by side: keys and values of the first block, then of the next. */
function joinColumns(tensors: readonly HostTensor[]): HostTensor {
  const [{ shape: [tokens, width] }] = tensors, columns = tensors.length * width;
  const joined = hostTensor([tokens, columns], new Float32Array(tokens * columns));
  tensors.forEach(({ data }, at) => {
    for (let token = 0; token < tokens; token++) {
      const row = data.subarray(token * width, (token + 1) * width);
      joined.data.set(row, token * columns + at * width);
    }
  });
  return joined;
}

/** Writes the columns of a record's tensor to the parameters of virtual tokens. */
export function writeColumns({ prompt }: PromptRecord, { parameters }: VirtualTokens): void {
  const [tokens, columns] = prompt.shape, width = columns / parameters.length;
  parameters.forEach(({ tensor }, at) => {
    const values = new Float32Array(tokens * width);
    for (let token = 0; token < tokens; token++) {
      const start = token * columns + at * width;
      values.set(prompt.data.subarray(start, start + width), token * width);
    }
    tensor.device.write(tensor, values);
  });
}
