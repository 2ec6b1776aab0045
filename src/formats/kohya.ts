/** The files of kohya's scripts and of diffusers: names with underscores, an α for every module. @module */

import { AdapterFileError, quote } from "../core/errors.ts";
import { formatShape, type HostTensor } from "../core/tensor.ts";
import { assertUpdate, type LowRankUpdate } from "../core/update.ts";
import { nameTwice } from "../core/module_names.ts";
import { alphaOf } from "./peft/config.ts";

/** Module, then which factor: kohya's `lora_down`, diffusers' `lora.down` and `lora_linear_layer.down`. */
const factorKey = /^(.+)\.(?:lora_|lora\.|lora_linear_layer\.)(down|up)\.weight$/;

/** The modules whose A is among keys of kohya or diffusers. */
export const kohyaModules = (keys: Iterable<string>): string[] =>
  Array.from(keys, (key) => factorKey.exec(key)).flatMap((found) =>
    found?.[2] === "down" ? [found[1]] : []
  );

/** The parts of diffusion models that kohya names. */
const networks = "te\\d?|unet|transformer|prior_unet", isNetwork = new RegExp(`^(?:${networks})$`);

/** kohya's prefix of the underscored path: the network that the layer belongs to. */
const network = new RegExp(`^lora_(?:${networks})_`);

/**
 * The updates among the tensors of a file of kohya or diffusers: `lora_down` is A, `lora_up` is B, and the
 * scaling is `alpha` / rank, 1 for a module without `alpha`. Convolutions of 1 x 1 are linear layers.
 *
 * @param modules Paths of the base model's layers, by which `lora_te_layers_0_q_proj` is found to be
 * `layers.0.q_proj`. A module that is none of them keeps its name.
 * @throws {AdapterFileError} when a tensor is none of these, such as kohya's DoRA or LoHa, a pair is
 * incomplete, a path may be that of two layers, or an `alpha` is not one finite number.
 * @throws {ShapeError} when A and B do not fit each other.
 *
 * @example
 * ```ts
 * import { kohyaUpdates } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 0) }, B = { ...A, shape: [2, 1] };
 * const alpha = { shape: [], data: Float32Array.of(4) }, module = "lora_te_h_0_c_fc";
 * const tensors = { "lora_down.weight": A, "lora_up.weight": B, alpha };
 * const named = Object.entries(tensors).map(([name, one]) => [`${module}.${name}`, one] as const);
 * const [update] = kohyaUpdates(new Map(named), ["h.0.c_fc"]);
 * console.log(update.module, update.scaling); // h.0.c_fc 4
 * ```
 */
export function kohyaUpdates(
  tensors: ReadonlyMap<string, HostTensor>,
  modules: readonly string[] = [],
): LowRankUpdate[] {
  const pairs = pairsOf(tensors);
  const alphas = new Set([...pairs.keys()].map((module) => `${module}.alpha`));
  const unknown = [...tensors.keys()].find((key) => !factorKey.test(key) && !alphas.has(key));
  if (unknown !== undefined) {
    throw new AdapterFileError(
      `every tensor must be some module's lora_down, lora_up or alpha, found ${quote(unknown)}`,
    );
  }
  const pathOf = pathFinder(modules);
  return [...pairs].map(([module, pair]) => {
    const alpha = tensors.get(`${module}.alpha`);
    return { ...updateOf(module, pair, alpha), module: pathOf(module) };
  });
}

/**
 * The tensors of kohya for updates of whole weights, with an `alpha` for each: dots of a layer's path become
 * underscores.
 *
 * @param kind Part of a diffusion model that the layers belong to: `te` for a text encoder, `unet`.
 * @throws {RangeError} when two layers have the same name with underscores, or there is no such part.
 *
 * @example
 * ```ts
 * import { kohyaTensors } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 0) }, B = { ...A, shape: [2, 1] };
 * const tensors = kohyaTensors([{ module: "h.0.c_fc", A, B, scaling: 4 }]);
 * console.log(tensors.get("lora_te_h_0_c_fc.alpha")?.data); // [4]
 * ```
 */
export function kohyaTensors(
  updates: readonly LowRankUpdate[],
  kind = "te",
): Map<string, HostTensor> {
  if (!isNetwork.test(kind)) {
    throw new RangeError(
      `kohya's part of a diffusion model must be te, te1, te2, unet, transformer or prior_unet, found ${
        quote(kind)
      }`,
    );
  }
  const names = updates.map(({ module }) => `lora_${kind}_${module.replaceAll(".", "_")}`);
  const twice = nameTwice(names);
  if (twice !== undefined) {
    throw new RangeError(`layers must have names of their own with underscores, found ${twice}`);
  }
  return new Map(updates.flatMap((update, i) => [
    [`${names[i]}.lora_down.weight`, update.A],
    [`${names[i]}.lora_up.weight`, update.B],
    [`${names[i]}.alpha`, { shape: [], data: Float32Array.of(alphaOf(update)) }],
  ]));
}

interface Pair {
  readonly down?: HostTensor;
  readonly up?: HostTensor;
}

function pairsOf(tensors: ReadonlyMap<string, HostTensor>): Map<string, Pair> {
  const pairs = new Map<string, Pair>();
  for (const [key, tensor] of tensors) {
    const [, module, letter] = factorKey.exec(key) ?? [];
    if (module) pairs.set(module, { ...pairs.get(module), [letter]: tensor });
  }
  return pairs;
}

function updateOf(module: string, { down, up }: Pair, alpha?: HostTensor): LowRankUpdate {
  if (!down || !up) {
    throw new AdapterFileError(
      `lora_down and lora_up must come in pairs, found one of ${quote(module)}`,
    );
  }
  const A = flat(module, down), B = flat(module, up), [rank] = A.shape;
  const update = { module, A, B, scaling: alphaIn(alpha, module, rank) / rank };
  assertUpdate(update);
  return update;
}

/** A matrix; a convolution of 1 x 1 without its last two extents. */
function flat(module: string, { shape, data }: HostTensor): HostTensor {
  const [rows, columns, ...kernel] = shape;
  if (shape.length >= 2 && kernel.every((extent) => extent === 1)) {
    return { shape: [rows, columns], data };
  }
  throw new AdapterFileError(
    `the factors of ${quote(module)} must be matrices, or convolutions of 1 x 1, found ${
      formatShape(shape)
    }`,
  );
}

function alphaIn(alpha: HostTensor | undefined, module: string, rank: number): number {
  if (!alpha) return rank;
  const [value] = alpha.data;
  if (alpha.data.length === 1 && Number.isFinite(value)) return value;
  throw new AdapterFileError(
    `alpha of ${quote(module)} must be one finite number, found ${quote(Array.from(alpha.data))}`,
  );
}

/** Finds the layer whose path has underscores for its dots, or whose name it is. */
function pathFinder(modules: readonly string[]): (module: string) => string {
  const names = new Set(modules);
  const paths = Map.groupBy(names, (name) => name.replaceAll(".", "_"));
  return (module) => {
    const found = paths.get(module.replace(network, "")) ?? [];
    const all = names.has(module) && !found.includes(module) ? [module, ...found] : found;
    if (all.length < 2) return all[0] ?? module;
    throw new AdapterFileError(
      `${quote(module)} must be the name of one layer, found ${all.join(" and ")}`,
    );
  };
}
