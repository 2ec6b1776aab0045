/** What reading a PEFT adapter gives and takes. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { RandomStart } from "./start_metadata.ts";
import type { QuantizedForm } from "../quant/quantized_tensor.ts";
import type { AdapterException } from "./adapter_exceptions.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import type { FloatDtype } from "./dtype.ts";
import type { PeftConfig } from "./peft_config.ts";
import type { BiasMode, TrainedRows } from "./peft_extras.ts";

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
  /** The random values that A began with, if the file says so. */
  readonly start?: RandomStart;
}

/** Options of `readAdapter`. */
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
