/** An adapter as it is handed over for writing. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { AdapterSite } from "./adapter_sites.ts";
import type { FloatDtype } from "./dtype.ts";

/** One module's update as `writeAdapter` takes it: ΔW = scaling·B·A. */
export interface AdapterWeights {
  /** The module's path in the base model. */
  readonly name: string;
  /** `(rank, in)`. */
  readonly A: HostTensor;
  /** `(out, rank)`. */
  readonly B: HostTensor;
  /** The factor s in ΔW = s·B·A; α is chosen so that PEFT computes the same factor. */
  readonly scaling: number;
  /** The blocks that B consists of, kept in the file so that reading can tell them where B is zero. */
  readonly sites?: readonly AdapterSite[];
}

/** An adapter to write. */
export interface AdapterRecord {
  /** Its modules, each name once. */
  readonly modules: readonly AdapterWeights[];
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
