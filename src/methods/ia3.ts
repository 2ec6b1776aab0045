/** (IA)³ (Liu et al. 2022, "Few-shot parameter-efficient fine-tuning is better and cheaper"). @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { Method } from "./method.ts";
import { modulesToSave, names, targetModules } from "./option.ts";
import { countByLayer, type CountedModules, linearSites } from "./selection.ts";

/** Layers that are scaled. */
export interface CountedScales extends CountedModules {
  /** PEFT's `target_modules`: all of them. Default: PEFT's for the model. */
  readonly targetModules?: string | readonly string[];
  /** PEFT's `feedforward_modules`, by what their names end with: those whose inputs are scaled. Default: PEFT's. */
  readonly feedforwardModules?: readonly string[];
}

/**
 * PEFT's default modules by model type; the inputs of the last one are scaled. Roles do not give them: PEFT has the
 * keys of Llama and Mistral, but the queries of Qwen, and its "output.dense" of encoders is attention's output too.
 */
const usual: Readonly<Record<string, readonly string[]>> = {
  bert: ["key", "value", "output.dense"],
  deberta: ["in_proj", "output.dense"],
  "deberta-v2": ["key_proj", "value_proj", "output.dense"],
  gpt2: ["c_attn", "mlp.c_proj"],
  gpt_neox: ["query_key_value", "dense_4h_to_h"],
  llama: ["k_proj", "v_proj", "down_proj"],
  mistral: ["k_proj", "v_proj", "down_proj"],
  qwen2: ["q_proj", "v_proj", "down_proj"],
  qwen3: ["q_proj", "v_proj", "down_proj"],
  roberta: ["key", "value", "output.dense"],
};

/**
 * The selection of layers, and a test for those whose inputs are scaled.
 *
 * @throws {RangeError} when PEFT has no modules for the model, and none are named.
 */
export function scaledLayers(
  model: Pick<Architecture, "modelType"> | undefined,
  { targetModules, feedforwardModules }: CountedScales,
) {
  const known = usual[model?.modelType ?? ""];
  const ends = feedforwardModules ?? (targetModules ? [] : known?.slice(-1));
  const targets = targetModules ?? known;
  if (!targets || !ends) {
    throw new RangeError(
      `(IA)³ needs targetModules for a model of type ${model?.modelType ?? "unknown"}, found none`,
    );
  }
  const ofInputs = (name: string) => ends.some((end) => name.endsWith(end));
  return { selection: { targetModules: targets }, ofInputs };
}

/** A vector for each of some layers, by which its outputs or inputs are multiplied. */
export const ia3: Method<"ia3", CountedScales> = {
  kind: "ia3",
  summary: "a vector for each layer, which scales its outputs or inputs",
  peftType: "IA3",
  options: {
    targetModules,
    feedforwardModules: {
      ...names,
      ...{ flag: "--feedforward-modules <a,b>", reads: "names" },
      help: "those of the target modules whose inputs are scaled",
    },
    modulesToSave,
  },
  title: () => "(IA)³",
  counts(model, options) {
    const { selection, ofInputs } = scaledLayers(model, options);
    const sites = linearSites(model, selection, "(IA)³");
    return {
      layers: [
        countByLayer(
          sites,
          ({ layer: { name, inputs, outputs } }) => ofInputs(name) ? inputs : outputs,
        ),
      ],
    };
  },
  trains: "vectors",
  card: {
    ...{ title: "(IA)³ adapter", library: "peft", tag: "ia3" },
    what: "A vector for each layer that it changes, by which the layer's outputs or inputs are " +
      "multiplied.",
    settings: {
      "Layers that it scales": "target_modules",
      "By their inputs": "feedforward_modules",
    },
  },
};
