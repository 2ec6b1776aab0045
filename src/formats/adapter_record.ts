/** An adapter as a record, for writing. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import type { FloatDtype } from "./dtype.ts";

/** An adapter to write. */
export interface AdapterRecord {
  /** Its updates, each site once; the sites of one module become blocks of one PEFT module. */
  readonly updates: readonly LowRankUpdate[];
  /** Modules that were trained in full: tensors by their names in the model. */
  readonly saved?: ReadonlyMap<string, HostTensor>;
  /** The names by which PEFT's `modules_to_save` selects them. Default: the modules' full names. */
  readonly savedModules?: readonly string[];
  /** The names of the labels of a classifier. */
  readonly labels?: readonly string[];
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** Names or name endings that select the modules. Default: the modules' full names. */
  readonly targetModules?: readonly string[];
  /** PEFT's task type. Default `CAUSAL_LM`. */
  readonly taskType?: string;
  /** True if the base model's layers are GPT-2's Conv1D. Default false. */
  readonly fanInFanOut?: boolean;
  /** Dropout rate of the training, which does not affect the weights. Default 0. */
  readonly dropout?: number;
  /** How the prompts of its training were written, in metadata that PEFT passes over. Default: no record. */
  readonly promptFormat?: PromptFormat;
  /** Dtype of the weights in the file. Default F32. */
  readonly dtype?: FloatDtype;
}
