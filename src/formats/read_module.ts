/** The update of one module of an adapter file, by the rules of its configuration. @module */

import { AdapterFileError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { assertUpdate, type UpdateShape } from "../core/low_rank_update.ts";
import { type PatternValue, patternValues } from "../core/pattern_values.ts";
import { quote } from "../core/quote.ts";
import { formatShape, sameShape, type Shape } from "../core/shape.ts";
import type { Exceptions } from "./adapter_exceptions.ts";
import type { TrainedUpdate } from "./adapter_record.ts";
import { readFinite } from "./adapter_tensors.ts";
import { factorKeys, tensorPrefix } from "./adapter_weights.ts";
import type { PeftConfig } from "./peft_config.ts";
import type { PeftExtras } from "./peft_extras.ts";
import { moduleSelector } from "./peft_patterns.ts";
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

/** What every module of a file is read with. */
export interface ModuleReading {
  /** The weights. */
  readonly file: SafetensorsFile;
  /** The configuration. */
  readonly config: PeftConfig;
  /** Its patterns. */
  readonly rules: Rules;
  /** What each module has beside A and B. */
  readonly extras: PeftExtras;
  /** What may pass. */
  readonly exceptions: Exceptions;
}

/** Reads the update of a module; none of one that an exception leaves out. */
export async function readModule(
  reading: ModuleReading,
  module: string,
): Promise<TrainedUpdate[]> {
  if (!isComplete(reading, module)) return [];
  const { config, rules } = reading, rank = rankIn(reading, module);
  const alpha = rules.alphaOf(module) ?? config.alpha;
  const [keyA, keyB] = keysOf(reading, module), isEmbedding = isOfEmbedding(reading, module);
  const A = await readFactor(reading, keyA, rank), B = await readFactor(reading, keyB, rank);
  const scaling = alpha / (config.rankStabilized ? Math.sqrt(rank) : rank);
  const extras = await readExtras(reading, module, B.shape[0]);
  const update = { module, ...isEmbedding && { isEmbedding }, A, B, scaling, ...extras };
  assertUpdate(update);
  return [update];
}

/** The shapes of a module's factors in the file, if it has both and the configuration selects it. */
export function factorShapes(reading: ModuleReading, module: string): UpdateShape[] {
  const [A, B] = keysOf(reading, module).map((key) => reading.file.tensors.get(key));
  return A && B && reading.rules.selects(module) ? [{ module, A, B }] : [];
}

/** Whether a module is an embedding: its factors have names of their own. */
const isOfEmbedding = ({ file }: ModuleReading, module: string): boolean =>
  factorKeys(module, true).some((key) => file.tensors.has(key));

const keysOf = (reading: ModuleReading, module: string) =>
  factorKeys(module, isOfEmbedding(reading, module));

/** Whether the configuration selects a module, and the file has A and B of it. */
function isComplete(reading: ModuleReading, module: string): boolean {
  const { file, config, rules, exceptions } = reading;
  if (!rules.selects(module)) {
    const targets = quote(config.targetModules ?? null);
    const rule = "the configuration must select every module that has weights";
    const found = `${quote(module)} with target_modules ${targets}`;
    exceptions.pass("unknownTensors", rule, module, found);
    return false;
  }
  const keys = keysOf(reading, module), isEmbedding = isOfEmbedding(reading, module);
  if (isEmbedding && factorKeys(module).some((key) => file.tensors.has(key))) {
    throw new AdapterFileError(
      `a module must be an embedding or a linear layer, found A or B of both of ${quote(module)}`,
    );
  }
  const missing = keys.find((key) => !file.tensors.has(key));
  if (missing === undefined) return true;
  exceptions.pass("missingTensors", "A and B must come in pairs", missing, `no ${quote(missing)}`);
  return false;
}

/** The rank of the configuration, or that of both factors in the file where it may be another. */
function rankIn(reading: ModuleReading, module: string): number {
  const { file, config, rules, exceptions } = reading, keys = keysOf(reading, module), [key] = keys;
  const rank = rules.rankOf(module) ?? config.rank;
  const [A, B] = keys.map((key) => file.tensors.get(key)!.shape);
  const own = A[0];
  if (own === rank || own === 0 || A.length !== 2 || B.length !== 2 || B[1] !== own) return rank;
  const rule = `${quote(key)} must have shape (${rank}, in)`;
  exceptions.pass("ranks", rule, `${module} has ${own}`, formatShape(A));
  return own;
}

/** Reads A `(rank, in)` or B `(out, rank)`. */
function readFactor(reading: ModuleReading, key: string, rank: number): Promise<HostTensor> {
  const isA = /A(\.weight)?$/.test(key), { shape } = reading.file.tensors.get(key)!;
  const fits = shape.length === 2 && shape[isA ? 0 : 1] === rank;
  return readReals(
    reading,
    key,
    fits ? shape : undefined,
    isA ? `(${rank}, in)` : `(out, ${rank})`,
  );
}

/** Reads a module's bias and magnitude, if the configuration has them. */
async function readExtras(
  reading: ModuleReading,
  module: string,
  out: number,
): Promise<Pick<TrainedUpdate, "bias" | "magnitude">> {
  const { dora, loraBias } = reading.extras, path = `${tensorPrefix}${module}`;
  if (dora && isOfEmbedding(reading, module)) {
    throw new AdapterFileError(`DoRA of embeddings is not implemented, found ${quote(module)}`);
  }
  const vector = (key: string) => readReals(reading, key, [out], formatShape([out]));
  return {
    ...loraBias && { bias: await vector(`${path}.lora_B.bias`) },
    ...dora && { magnitude: await vector(`${path}.lora_magnitude_vector`) },
  };
}

/** Reads real numbers; the shape is checked before a value is read. */
async function readReals(
  { file, exceptions }: ModuleReading,
  key: string,
  wanted: Shape | undefined,
  rule: string,
): Promise<HostTensor> {
  const entry = file.tensors.get(key);
  if (!entry) {
    throw new AdapterFileError(`every module must have all tensors, found no ${quote(key)}`);
  }
  const { shape, dtype } = entry;
  if (!wanted || !sameShape(shape, wanted)) {
    throw new AdapterFileError(
      `${quote(key)} must have shape ${rule}, found ${formatShape(shape)}`,
    );
  }
  if (!["F32", "F16", "BF16", "F64"].includes(dtype)) {
    throw new AdapterFileError(`${quote(key)} must hold real numbers, found ${dtype}`);
  }
  return await readFinite(file, key, exceptions);
}
