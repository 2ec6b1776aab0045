/** The blocks of a model, from the names of its layers. @module */

import { isText } from "../core/json.ts";
import { quote } from "../core/quote.ts";

/** A list of blocks in a name: all before its first number. */
const listOf = /^(?:.*?\.)?(?=\d+(?:\.|$))/;

/**
 * The paths of a model's blocks, in their order: `transformer.h.0` and so on of GPT-2. A block is what the first
 * number in the names of layers counts.
 *
 * @param layers An architecture's layers.
 * @param what Who needs blocks, for the sentence of an error: `top layers`.
 * @throws {RangeError} when the layers are not one list of blocks, as those of an encoder beside a decoder are two.
 */
export function blocksOf(layers: readonly { readonly name: string }[], what: string): string[] {
  const lists = new Set(layers.map(({ name }) => listOf.exec(name)?.[0]).filter(isText));
  const [list, ...others] = lists;
  if (list === undefined || others.length > 0) {
    const found = [...lists].map((name) => name.replace(/\.$/, "")).join(" and ") || "none";
    throw new RangeError(`${what} need a model with one list of blocks, found ${found}`);
  }
  const numbers = layers.filter(({ name }) => name.startsWith(list))
    .map(({ name }) => parseInt(name.slice(list.length)));
  return [...new Set(numbers)].sort((a, b) => a - b).map((block) => `${list}${block}`);
}

/**
 * The paths of a model's last blocks, in their order: `transformer.h.10` and `transformer.h.11` of GPT-2.
 *
 * @param layers An architecture's layers.
 * @throws {RangeError} when the layers are not one list of blocks, or it is not that long.
 *
 * @example
 * ```ts
 * import { architectureOf, catalog, topBlocks } from "@lowrank/core/architectures";
 *
 * const { layers } = architectureOf(catalog["gpt2"].config);
 * console.log(topBlocks(layers, 2)); // transformer.h.10, transformer.h.11
 * ```
 */
export function topBlocks(layers: readonly { readonly name: string }[], count: number): string[] {
  const blocks = blocksOf(layers, "top layers");
  if (Number.isInteger(count) && count >= 1 && count <= blocks.length) return blocks.slice(-count);
  throw new RangeError(
    `layers must be a whole number from 1 to the model's ${blocks.length} blocks, found ${
      quote(count)
    }`,
  );
}
