/** An adapter as a record, for writing. @module */

import type { PromptFormat } from "../../core/batch.ts";
import type { HostTensor } from "../../core/tensor.ts";
import type { LowRankUpdate } from "../../core/update.ts";
import type { QuantizedForm } from "../../quant/quantized_tensor.ts";
import type { FloatDtype } from "../../core/float_types.ts";
import type { BiasMode, TrainedRows } from "./config.ts";
import type { RandomStart } from "./metadata.ts";

/** An update of a module, with what else of it was trained. */
export interface TrainedUpdate extends LowRankUpdate {
  /** DoRA's m, `(out)`: row by row, W' = m · V / ‖V‖ with V = W + scaling · B A (Liu et al. 2024). */
  readonly magnitude?: HostTensor;
  /** The bias of B, `(out)`: the output changes by scaling · bias too. */
  readonly bias?: HostTensor;
}

/** An adapter to write. */
export interface AdapterRecord {
  /** Its updates, each site once; the sites of one module become blocks of one PEFT module. */
  readonly updates: readonly TrainedUpdate[];
  /** Modules that were trained in full: tensors by their names in the model. */
  readonly saved?: ReadonlyMap<string, HostTensor>;
  /** Trained biases of the base model, by their names in it. */
  readonly biases?: ReadonlyMap<string, HostTensor>;
  /** Setting of PEFT's `bias` that selects these biases. Default `none`. */
  readonly biasMode?: BiasMode;
  /** Rows that stand in for those of embeddings, by the paths of the embeddings. */
  readonly rows?: ReadonlyMap<string, TrainedRows>;
  /** The names by which PEFT's `modules_to_save` selects them. Default: the modules' full names. */
  readonly savedModules?: readonly string[];
  /** The names of the labels of a classifier. */
  readonly labels?: readonly string[];
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** Names or name endings that select the modules. Default: the modules' full names. */
  readonly targetModules?: readonly string[];
  /** PEFT's task type; null for a model that PEFT wraps without regard to a task. Default `CAUSAL_LM`. */
  readonly taskType?: string | null;
  /** True if the base model's layers are GPT-2's Conv1D. Default false. */
  readonly fanInFanOut?: boolean;
  /** Dropout rate of the training, which does not affect the weights. Default 0. */
  readonly dropout?: number;
  /**
   * Format of the prompts in its training, in metadata that PEFT passes over. Default: no record.
   */
  readonly promptFormat?: PromptFormat;
  /**
   * Quantization of the base that it was trained on, in metadata. Default: no record, as for
   * floats.
   */
  readonly quantizedBase?: QuantizedForm;
  /** The random values that A began with, in metadata, by which `compare` tells one start. Default: no record. */
  readonly start?: RandomStart;
  /** True if A was frozen and B alone trained, in metadata, so that it stays so. Default false. */
  readonly freezeA?: boolean;
  /** Dtype of the weights in the file. Default F32. */
  readonly dtype?: FloatDtype;
}
