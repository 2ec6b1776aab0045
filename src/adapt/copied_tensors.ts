/** What BitFit and the top layers copy of a base, which a file of theirs must have as a whole. @module */

import type { ConfigJson } from "../architectures/config_fields.ts";
import { topBlocks } from "../architectures/blocks.ts";
import type { Architecture } from "../architectures/architecture.ts";
import { isWithin } from "../core/module_names.ts";
import { oneLine, quote } from "../core/quote.ts";
import { architectureIn, type BaseFile } from "../models/base_file.ts";
import { type MethodConfig, savedModulesOf, type SavedValues } from "./saved_values.ts";

/**
 * Throws unless a file has all that its method copies of a base and, beside it, only modules that were trained in
 * full: the values of a part of an adapter make another model.
 *
 * @param config The configuration of the merged model, which may have another head than the base.
 * @throws {RangeError} then, or when the architecture is not known.
 */
export function assertCopies(
  base: BaseFile,
  folder: string,
  { config: method, tensors }: SavedValues,
  config: ConfigJson,
): void {
  const saved = savedModulesOf(method), keyOf = (name: string) => base.find(name)[0] ?? name;
  const own = ownTensors(knownArchitecture(config), method);
  const needed = own.filter((name) => base.find(name).length > 0);
  const found = new Set(Array.from(tensors.keys(), keyOf)), keys = new Set(own.map(keyOf));
  const missing = needed.find((name) => !found.has(keyOf(name)));
  const stranger = [...tensors.keys()].find((name) =>
    !keys.has(keyOf(name)) && !saved.some((module) => isWithin(name, module))
  );
  const wrong = missing ?? stranger;
  if (wrong === undefined) return;
  const rule = `all tensors that ${quote(method.method)} trains of the base, and no other`;
  throw new RangeError(
    `cannot merge the adapter in ${folder}: it must have ${rule}, found ${
      missing === undefined ? "" : "no "
    }${oneLine(wrong)}`,
  );
}

/** The names of what a method copies of a model. */
function ownTensors({ tensors, layers }: Architecture, config: MethodConfig): string[] {
  const names = tensors.map(({ name }) => name);
  if (config.method === "bitfit") return names.filter((name) => name.endsWith(".bias"));
  const blocks = topBlocks(layers, config.layers as number);
  return names.filter((name) => blocks.some((block) => isWithin(name, block)));
}

function knownArchitecture(config: ConfigJson): Architecture {
  const architecture = architectureIn(config);
  if (architecture) return architecture;
  throw new RangeError(
    `merging copies needs a base of a known architecture, found model_type ${
      quote(config.model_type ?? null)
    }`,
  );
}
