/** The update of one module of an adapter file, by the rules of its configuration. @module */

import { AdapterFileError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { assertUpdate, type LowRankUpdate } from "../core/low_rank_update.ts";
import { quote } from "../core/quote.ts";
import { formatShape } from "../core/shape.ts";
import { tensorPrefix } from "./adapter_weights.ts";
import type { PeftConfig } from "./peft_config.ts";
import { moduleSelector, type PatternValue, patternValues } from "./peft_patterns.ts";
import type { SafetensorsFile } from "./safetensors.ts";

/** The patterns of a configuration, compiled once for all modules. */
export interface Rules {
  /** Whether a module is one of the targets. */
  readonly selects: (module: string) => boolean;
  /** A module's rank, where it is not the common one. */
  readonly rankOf: PatternValue;
  /** A module's α, likewise. */
  readonly alphaOf: PatternValue;
}

/** Compiles the patterns. */
export function compileRules(config: PeftConfig): Rules {
  return {
    selects: moduleSelector(config),
    rankOf: patternValues(config.rankPattern, "rank_pattern"),
    alphaOf: patternValues(config.alphaPattern, "alpha_pattern"),
  };
}

/** Reads the update of a module, which the configuration must select. */
export async function readModule(
  file: SafetensorsFile,
  config: PeftConfig,
  { selects, rankOf, alphaOf }: Rules,
  module: string,
): Promise<LowRankUpdate> {
  if (!selects(module)) {
    const targets = quote(config.targetModules ?? null);
    throw new AdapterFileError(
      `the configuration must select every module that has weights, found ${quote(module)} with ` +
        `target_modules ${targets}`,
    );
  }
  const rank = rankOf(module) ?? config.rank;
  const alpha = alphaOf(module) ?? config.alpha;
  const A = await readMatrix(file, module, "A", rank);
  const B = await readMatrix(file, module, "B", rank);
  const update = {
    module,
    A,
    B,
    scaling: alpha / (config.rankStabilized ? Math.sqrt(rank) : rank),
  };
  assertUpdate(update);
  return update;
}

/** Reads A `(rank, in)` or B `(out, rank)`; the shape is checked before a value is read. */
async function readMatrix(
  file: SafetensorsFile,
  module: string,
  letter: "A" | "B",
  rank: number,
): Promise<HostTensor> {
  const key = `${tensorPrefix}${module}.lora_${letter}.weight`;
  const entry = file.tensors.get(key);
  if (!entry) throw new AdapterFileError(`A and B must come in pairs, found no ${quote(key)}`);
  const { shape, dtype } = entry;
  if (shape.length !== 2 || shape[letter === "A" ? 0 : 1] !== rank) {
    const rule = letter === "A" ? `(${rank}, in)` : `(out, ${rank})`;
    throw new AdapterFileError(
      `${quote(key)} must have shape ${rule}, found ${formatShape(shape)}`,
    );
  }
  if (!["F32", "F16", "BF16", "F64"].includes(dtype)) {
    throw new AdapterFileError(`${quote(key)} must hold real numbers, found ${dtype}`);
  }
  return await file.read(key);
}
