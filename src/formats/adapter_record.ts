/** An adapter as it is handed over for writing. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
import type { FloatDtype } from "./dtype.ts";

/** An adapter to write. */
export interface AdapterRecord {
  /** Its updates, each site once; those of one module's rows become one PEFT module in blocks. */
  readonly updates: readonly LowRankUpdate[];
  /** Name or path of the base model. */
  readonly baseModelName?: string;
  /** Names or name endings that select the modules; the modules' full names unless said. */
  readonly targetModules?: readonly string[];
  /** PEFT's task, `CAUSAL_LM` unless said. */
  readonly taskType?: string;
  /** True where the base model's layers are GPT-2's Conv1D; false unless said. */
  readonly fanInFanOut?: boolean;
  /** Dropout of the training, 0 unless said; it has no effect on the weights. */
  readonly dropout?: number;
  /** Type of the weights in the file, F32 unless said. */
  readonly dtype?: FloatDtype;
}
