/** LoRA adapters from PEFT folders. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import { AdapterFileError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { type AdapterModule, readAdapter, splitBlocks } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import type { Linear } from "../../nn/linear.ts";
import { listNames } from "../names.ts";
import { declaredSites, wholeSite } from "../sites.ts";
import { LoraAdapter, type LoraPlan } from "./adapter.ts";

/** How {@link loadAdapter} puts an adapter on a model. */
export interface LoadAdapterOptions {
  /** Share of each site's input that is zeroed while training, in [0, 1). Default: the folder's. */
  readonly dropout?: number;
}

/**
 * Reads a PEFT folder and puts the adapter on a model, trainable and with the base frozen.
 *
 * A module of the file belongs to the one layer whose path it is, or ends, or is ended by: files
 * written with and without `transformer.` fit alike. A module whose B is zero outside of blocks
 * becomes the sites that it was saved from (`q`, `v`), else one site of all rows. One whose B is all
 * zero has no blocks to tell and is one site of all rows, as PEFT would go on to train it.
 *
 * @throws {RangeError} when `dropout` is out of range.
 * @throws {AdapterFileError} when the folder is broken, a module matches no layer or several, or its
 * shapes are not the layer's.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, loadAdapter, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const folder = await Deno.makeTempDir();
 * {
 *   using adapter = injectLora(model, { rank: 2, alpha: 4, sites: ["q", "v"], seed: 1 });
 *   await adapter.save(folder);
 * }
 * using adapter = await loadAdapter(model, folder);
 * console.log(adapter.modules.map(({ rank }) => rank)); // 2, 2
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function loadAdapter(
  model: Model,
  folder: string,
  options: LoadAdapterOptions = {},
): Promise<LoraAdapter> {
  if (options.dropout !== undefined) assertDropout("dropout", options.dropout);
  const { config, modules } = await readAdapter(folder);
  const dropout = options.dropout ?? config.dropout;
  try {
    const layers = matchLayers(model, modules);
    const plans = modules.flatMap((module, i) => plansOf(model, layers[i], module, dropout));
    return new LoraAdapter(model, plans.sort((a, b) => a.site.index - b.site.index));
  } catch (error) {
    if (!(error instanceof AdapterFileError)) throw error;
    throw new AdapterFileError(`cannot use the adapter in ${folder}: ${error.message}`);
  }
}

/** The layer of each module. */
function matchLayers(model: Model, modules: readonly AdapterModule[]): Linear[] {
  const matches = modules.map(({ name }) => layersNamed(model, name));
  const unmatched = modules.filter((_, i) => matches[i].length !== 1).map(({ name }) => name);
  if (unmatched.length > 0) {
    throw new AdapterFileError(
      `every module must belong to one layer of the model (${
        listNames(model.linears.map(({ name }) => name))
      }), found ${listNames(unmatched)}`,
    );
  }
  const layers = matches.flat();
  const twice = layers.find((layer, i) => layers.indexOf(layer) !== i);
  if (twice) throw new AdapterFileError(`a layer takes one module, found two for ${twice.name}`);
  return layers;
}

function layersNamed({ linears }: Model, module: string): Linear[] {
  const exact = linears.filter(({ name }) => name === module);
  if (exact.length > 0) return exact;
  return linears.filter(({ name }) => name.endsWith(`.${module}`) || module.endsWith(`.${name}`));
}

function plansOf(model: Model, linear: Linear, module: AdapterModule, dropout: number): LoraPlan[] {
  checkShapes(linear, module);
  const declared = declaredSites(model, linear);
  const mayBeBlocks = declared.length > 1 && module.B.data.some((value) => value !== 0);
  const blocks = mayBeBlocks && splitBlocks(module, declared.map(({ rows }) => rows));
  if (!blocks) {
    const { rank, alpha, scaling, A, B } = module;
    const site = wholeSite(model, linear);
    return [{ site, rank, alpha, scaling, dropout, A: A.data, B: B.data }];
  }
  return blocks.map(({ A, B, rows, scaling }) => {
    const site = declared.find((candidate) => candidate.rows === rows)!;
    const rank = A.shape[0];
    return { site, rank, alpha: scaling * rank, scaling, dropout, A: A.data, B: B.data };
  });
}

function checkShapes({ name, weight }: Linear, { A, B }: AdapterModule): void {
  const [out, width] = weight.shape;
  if (A.shape[1] === width && B.shape[0] === out) return;
  throw new AdapterFileError(
    `A and B of ${name} must be (rank, ${width}) and (${out}, rank), found ${
      formatShape(A.shape)
    } and ${formatShape(B.shape)}`,
  );
}
