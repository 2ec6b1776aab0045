/** TinyLoRA ("Learning to reason in 13 parameters", arXiv:2602.04118) and LoRA-XS (arXiv:2405.17604). @module */

import type { Architecture } from "../architectures/architecture.ts";
import { quote } from "../core/errors.ts";
import type { Method, Uncounted } from "./method.ts";
import { modulesToSave, number, oneOf, positive, rank, targetModules } from "./option.ts";
import { type CountedModules, linearSites, selectionOf } from "./selection.ts";

/** Layers with a core of r x r between their leading singular vectors, and the values that make the cores. */
export interface CountedCores extends CountedModules {
  /** PEFT's `target_modules`. Default: PEFT's for the model. */
  readonly targetModules?: string | readonly string[];
  /** r. Default 2. */
  readonly rank?: number;
  /** A trained value is the factor of a random matrix, or one entry of the core as in LoRA-XS. Default `random`. */
  readonly core?: "random" | "entries";
  /** u, the trained values of a vector. Default 64; as many as entries in LoRA-XS. */
  readonly vectorSize?: number;
  /** PEFT's `weight_tying`: the share of layers without a vector of their own, from 0 to 1. Default 0. */
  readonly weightTying?: number;
}

/** True for a share from 0 to 1, both included. */
export const isTying = (value: unknown): value is number =>
  typeof value === "number" && value >= 0 && value <= 1;

/**
 * The extents of cores and vectors, and the share of layers without one of their own.
 *
 * @throws {RangeError} when one is out of range, or the entries of a core are trained and their number is another.
 */
export function coreOf(
  { rank = 2, core = "random", vectorSize, weightTying = 0 }: CountedCores,
): Required<Pick<CountedCores, "rank" | "vectorSize" | "weightTying">> {
  const entries = rank * rank, size = vectorSize ?? (core === "random" ? 64 : entries);
  const values = { rank, core, vectorSize: size, weightTying };
  for (const [name, value] of Object.entries(values)) {
    const { words, holds } = tinylora.options[name as keyof typeof values];
    if (!holds(value)) throw new RangeError(`${name} must be ${words}, found ${quote(value)}`);
  }
  if (core === "random" || size === entries) return { rank, vectorSize: size, weightTying };
  throw new RangeError(
    `vectorSize must be ${entries} where the entries of a core are trained, found ${size}`,
  );
}

/**
 * Asserts that a core whose entries are trained has no more of them than a layer has directions.
 *
 * @throws {RangeError} when the rank is above the smaller side of a layer's weight.
 */
export function assertEntries(
  { rank, core }: Pick<CountedCores, "core"> & { readonly rank: number },
  layers: readonly { readonly name: string; readonly sides: readonly number[] }[],
): void {
  const small = core === "entries" && layers.find(({ sides }) => rank > Math.min(...sides));
  if (!small) return;
  const most = `${Math.min(...small.sides)}, the smaller side of ${small.name}`;
  throw new RangeError(
    `rank must be at most ${most}, where the entries of a core are trained, found ${rank}`,
  );
}

/** The number of each layer's vector, as PEFT deals them out: neighbors share one, and the last has what is left. */
export function vectorsOf(layers: number, weightTying: number): number[] {
  const wanted = layers * (1 - weightTying), even = 2 * Math.round(wanted / 2);
  const vectors = Math.max(1, wanted % 1 === 0.5 ? even : Math.round(wanted)); // Python's rounding.
  const sharing = Math.floor(layers / vectors);
  return Array.from({ length: layers }, (_, i) => Math.min(Math.floor(i / sharing), vectors - 1));
}

/** The layers that a selection names, or those of PEFT for the model. */
export const layersOf = (
  model: Pick<Architecture, "peftTargets"> | undefined,
  { targetModules }: CountedCores,
) => selectionOf({ targetModules }, { targetModules: model?.peftTargets ?? [] });

/** A few trained values for each layer, which make a core between leading singular vectors of its weight. */
export const tinylora: Method<"tinylora", CountedCores & Uncounted<"dropout">> = {
  kind: "tinylora",
  summary: "a few values for each layer, which make a core between its singular vectors",
  peftType: "TINYLORA",
  options: {
    ...{ rank, targetModules, dropout: number, modulesToSave },
    core: {
      ...oneOf("random", "entries"),
      ...{ flag: "--core <kind>", help: "random matrices (the default), or entries as in LoRA-XS" },
    },
    vectorSize: {
      ...{ ...positive, flag: "--vector-size <u>", reads: "whole number" },
      help:
        "trained values of a vector; more than its cores have entries add nothing (default: 64)",
    },
    weightTying: {
      ...{ words: "a number from 0 to 1", holds: isTying },
      ...{ flag: "--weight-tying <share>", reads: "number" },
      help: "share of layers without a vector of their own (default: 0)",
    },
  },
  defaults: ({ core }) => ({ rank: 2, ...core !== "entries" && { vectorSize: 64 } }),
  title: ({ rank, core }) =>
    (core === "entries" ? "LoRA-XS" : "TinyLoRA") + (rank === undefined ? "" : ` of rank ${rank}`),
  counts(model, options) {
    const sites = linearSites(model, layersOf(model, options), "TinyLoRA");
    const { rank, vectorSize, weightTying } = coreOf(options);
    assertEntries(
      { rank, core: options.core },
      sites.map(({ layer: { name, outputs, inputs } }) => ({ name, sides: [outputs, inputs] })),
    );
    const vectors = vectorsOf(sites.length, weightTying).at(-1)! + 1;
    return { beside: { "TinyLoRA's vectors": vectors * vectorSize } };
  },
  trains: "vectors",
  card: {
    ...{ title: "TinyLoRA adapter", library: "peft", tag: "tinylora" },
    what:
      "For each weight that it changes a few trained values, which make a small matrix between " +
      "the leading\nsingular vectors of the weight.",
    settings: {
      "Weights that it changes": "target_modules",
      "Rank": "r",
      "Values of a vector": "u",
    },
  },
};
