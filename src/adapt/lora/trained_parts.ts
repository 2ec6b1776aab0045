/** What an adapter trains of the model itself. @module */

import type { HostTensor } from "../../core/host_tensor.ts";
import type { BiasMode } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { moduleOf } from "../../core/module_names.ts";
import { TokenRows } from "../token_rows.ts";
import { TrainedModules } from "../trained_modules.ts";

/** Modules in full and biases, which an adapter of low-rank updates trains beside them. */
export interface TrainedParts {
  /** Modules in full. */
  readonly modules?: TrainedModules;
  /** Biases. */
  readonly biases?: TrainedModules;
  /** Which biases these are. Default `none`. */
  readonly biasMode?: BiasMode;
  /** Weights of adapted embeddings and heads that a file has in the place of the model's; they are frozen. */
  readonly tables?: TrainedModules;
  /** Rows of embeddings. */
  readonly tokens?: TokenRows;
}

/** New copies of the same parameters, with the values that they have; the old ones must not be in use. */
export async function copyParts(
  model: Model,
  { modules, biases, biasMode, tables, tokens }: Required<TrainedParts>,
): Promise<() => TrainedParts> {
  const [saved, own, held] = [await modules.read(), await biases.read(), await tables.read()];
  const replaced = await tokens.read();
  return () => {
    using unfinished = new DisposableStack();
    const copy = (values: ReadonlyMap<string, HostTensor>, names = [...values.keys()]) =>
      unfinished.use(copiesOf(model, names, values));
    const copies = copy(saved, [...saved.keys()].map(moduleOf));
    const others = { biases: copy(own), tables: copy(held) };
    const rows = new TokenRows(model, replaced);
    unfinished.move();
    return { modules: copies, biasMode, tokens: rows, ...others };
  };
}

/** Copies of parameters with other values; a name may be a module's. */
export function copiesOf(
  model: Model,
  names: readonly string[],
  values: ReadonlyMap<string, HostTensor>,
): TrainedModules {
  const copies = new TrainedModules(model, names);
  copies.write(values);
  return copies;
}
