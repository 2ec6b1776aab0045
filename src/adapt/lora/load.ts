/** LoRA adapters from PEFT folders. @module */

import { assertDropout } from "../../autograd/ops/dropout.ts";
import { AdapterFileError } from "../../core/errors.ts";
import { formatShape } from "../../core/shape.ts";
import { type Folder, folderName } from "../../core/storage.ts";
import {
  type AdapterModule,
  type BlockSite,
  readAdapter,
  type RowRange,
  splitBlocks,
  splitSites,
} from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import type { Linear } from "../../nn/linear.ts";
import { listNames } from "../../core/module_names.ts";
import { declaredSites, type Site, wholeSite } from "../sites.ts";
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
 * written with and without `transformer.` fit alike. A module becomes the sites that it was saved
 * from (`q`, `v`), which our files name. In files of others, one whose B is zero outside of blocks
 * becomes their sites; any other, and one whose B is all zero, is one site of all rows.
 *
 * @throws {RangeError} when `dropout` is out of range.
 * @throws {AdapterFileError} when the folder is broken, a module matches no layer or several, or its
 * shapes or sites are not the layer's.
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
  folder: Folder,
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
    throw new AdapterFileError(`cannot use the adapter in ${folderName(folder)}: ${error.message}`);
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
  const sites = declaredSites(model, linear), whole = wholeSite(model, linear);
  const blocks = module.sites ? splitSites(module, module.sites) : findBlocks(module, sites);
  if (!blocks) {
    const { rank, alpha, scaling, A, B } = module;
    return [{ site: whole, rank, alpha, scaling, dropout, A: A.data, B: B.data }];
  }
  return blocks.map((block) => {
    const { A, B, scaling } = block, rank = A.shape[0], site = siteOf(block, [whole, ...sites]);
    return { site, rank, alpha: scaling * rank, scaling, dropout, A: A.data, B: B.data };
  });
}

/** The sites whose blocks a B of unnamed sites has. */
function findBlocks(module: AdapterModule, sites: readonly Site[]): BlockSite[] | undefined {
  if (sites.length < 2 || module.B.data.every((value) => value === 0)) return undefined;
  return splitBlocks(module, sites.map(({ rows }) => rows));
}

/** The site of these rows. */
function siteOf({ rows }: BlockSite, sites: readonly Site[]): Site {
  const { start, count } = rows as RowRange;
  const site = sites.find(({ rows }) => rows.start === start && rows.count === count);
  if (site) return site;
  throw new AdapterFileError(
    `the rows of a site must be those of ${listNames(sites.map(({ name }) => name))}, found rows ` +
      `${start} to ${start + count}`,
  );
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
