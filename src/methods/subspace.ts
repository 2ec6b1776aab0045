/** Random subspaces ("Measuring the intrinsic dimension of objective landscapes", arXiv:1804.08838). @module */

import type { Architecture } from "../architectures/architecture.ts";
import type { SiteSelection } from "../architectures/sites.ts";
import { quote } from "../core/errors.ts";
import { type Method, onlyOurs, replaces } from "./method.ts";
import { modulesToSave, positive, targetModules } from "./option.ts";
import { type CountedModules, linearSites } from "./selection.ts";

/** Layers whose weights are moved together, and the values that move them. */
export interface CountedSubspace extends CountedModules {
  /** PEFT's `target_modules`. Default `"all-linear"`: every linear layer but a head. */
  readonly targetModules?: string | readonly string[];
  /** d, the trained values of all layers together. Default 1,024. */
  readonly dimension?: number;
}

/**
 * d.
 *
 * @throws {RangeError} when it is not a whole number of at least 1.
 */
export function dimensionOf({ dimension = 1024 }: CountedSubspace): number {
  const { words, holds } = positive;
  if (holds(dimension)) return dimension;
  throw new RangeError(`dimension must be ${words}, found ${quote(dimension)}`);
}

/** The layers that a selection names, or all of them. */
export const movedLayers = (
  { targetModules = "all-linear" }: CountedSubspace,
): SiteSelection => ({ targetModules });

/** A few trained values, which move the weights of all layers in a random subspace. */
export const subspace: Method<"subspace", CountedSubspace> = {
  kind: "subspace",
  summary: "a few values that move all weights in a random subspace",
  options: {
    targetModules,
    dimension: {
      ...{ ...positive, flag: "--dimension <d>", reads: "whole number" },
      help: "dimension of the random subspace (default: 1024)",
    },
    modulesToSave,
  },
  defaults: () => ({ dimension: 1024 }),
  title: ({ dimension }) =>
    "a random subspace" + (dimension === undefined ? "" : ` of dimension ${dimension}`),
  counts(model: Architecture, options) {
    linearSites(model, movedLayers(options), "a random subspace");
    return { beside: { "values of the subspace": dimensionOf(options) } };
  },
  trains: "vectors",
  card: {
    ...{ title: "Random subspace adapter", tag: "random-subspace" },
    what: "A few values z, which move the weights of a base model by P z, with a random matrix P " +
      `that is drawn again\nfrom a seed. ${onlyOurs}; ${replaces}.`,
    settings: {
      "Dimension": "dimension",
      "Seed of the random matrix": "seed",
      "Weights that it changes": "target_modules",
    },
  },
};
