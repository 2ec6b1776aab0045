/** What a method trains of the model's own values, beside what it adds. @module */

import type { Architecture, LayerSpec, TensorSpec } from "../architectures/architecture.ts";
import { isNamed, isWithin, listNames, moduleOf } from "../core/module_names.ts";
import { quote } from "../core/quote.ts";

/** Modules that are trained in full beside a method. */
export interface CountedModules {
  /** By names or name endings. Default: none, but a classifier's head is always among them. */
  readonly modulesToSave?: readonly string[];
}

/** What is trained of the model beside low-rank updates. */
export interface CountedBeside extends CountedModules {
  /** Biases of the model: of all modules, or of those that are adapted. Default `none`. */
  readonly bias?: "none" | "all" | "lora_only";
  /** Tokens whose rows are trained, of the first embedding or by embeddings. Default: none. */
  readonly trainableTokens?: readonly number[] | Readonly<Record<string, readonly number[]>>;
}

/** Whether a tensor of a layer is trained. */
export type IsTrained = (tensor: TensorSpec, layer: LayerSpec) => boolean;

/** Whether a tensor is a bias. */
export const isBias = ({ name }: TensorSpec): boolean => name.endsWith(".bias");

/**
 * The tensors of modules that are trained in full, a classifier's head among them.
 *
 * @throws {RangeError} when a name is that of no module with values of its own, such as a head that shares an
 * embedding's.
 */
export function inFull(
  { tensors, head }: Architecture,
  { modulesToSave = [] }: CountedModules,
): IsTrained {
  const missing = modulesToSave.filter((one) => !tensors.some(({ name }) => isWithin(name, one)));
  if (missing.length > 0) {
    const known = listNames([...new Set(tensors.map(({ name }) => moduleOf(name)))]);
    throw new RangeError(
      `counting needs modulesToSave of modules with values of their own (${known}), found ${
        listNames(missing)
      }`,
    );
  }
  return ({ name }, { kind }) =>
    head === "classes" && kind === "head" || modulesToSave.some((one) => isWithin(name, one));
}

/**
 * The biases that a mode of LoRA trains.
 *
 * @param adapted Names of the adapted layers.
 * @throws {RangeError} when there is no such mode.
 */
export function biasesOfMode(
  mode: CountedBeside["bias"] = "none",
  adapted: { has(layer: string): boolean },
): IsTrained {
  const modes: Readonly<Record<string, IsTrained>> = {
    none: () => false,
    all: isBias,
    lora_only: (tensor, { name }) => isBias(tensor) && adapted.has(name),
  };
  if (Object.hasOwn(modes, mode)) return modes[mode];
  throw new RangeError(
    `bias must be one of ${Object.keys(modes).join(", ")}, found ${quote(mode)}`,
  );
}

/**
 * Values of rows of embeddings, by the names of these.
 *
 * @throws {RangeError} when there is no such embedding.
 */
export function rowCounts(
  { linears }: Architecture,
  tokens: NonNullable<CountedBeside["trainableTokens"]> = {},
): Map<string, number> {
  const tables = linears.filter(({ kind }) => kind === "embedding");
  const byName = Array.isArray(tokens) ? { [tables[0]?.name ?? ""]: tokens } : tokens;
  return new Map(
    Object.entries(byName).map(([name, indices]) => {
      const table = tables.find((one) => isNamed(one.name, name));
      if (table && Array.isArray(indices)) return [table.name, indices.length * table.inputs];
      const known = listNames(tables.map(({ name }) => name));
      throw new RangeError(
        `trainableTokens must list tokens, or map embeddings of the model (${known}) to them, found ${
          quote({ [name]: indices })
        }`,
      );
    }),
  );
}
