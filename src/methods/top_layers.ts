/** The top layers (Hu et al. 2021, FT-Top2). @module */

import { topBlocks } from "../architectures/architecture.ts";
import { isWithin } from "../core/module_names.ts";
import { type Method, onlyOurs, replaces } from "./method.ts";
import { modulesToSave, positive } from "./option.ts";
import type { CountedModules } from "./selection.ts";

/** Number of blocks, and modules beside them. */
export interface CountedTopLayers extends CountedModules {
  /** Blocks at the top. */
  readonly layers: number;
}

/** The last blocks of a model. */
export const topLayers: Method<"top-layers", CountedTopLayers> = {
  kind: "top-layers",
  summary: "the model's last blocks",
  options: {
    layers: {
      ...positive,
      ...{ flag: "--layers <n>", reads: "whole number", help: "blocks to train (default: 2)" },
    },
    modulesToSave,
  },
  defaults: () => ({ layers: 2 }),
  title: ({ layers }) =>
    layers === 1 ? "the top layer" : `the top ${layers === undefined ? "" : `${layers} `}layers`,
  counts(model, { layers }) {
    const blocks = topBlocks(model.layers, layers);
    return { own: (_, { name }) => blocks.some((block) => isWithin(name, block)) };
  },
  trains: "weights",
  card: {
    ...{ title: "Top layers", tag: "top-layers" },
    what: `Blocks in the place of the last ones of a base model. ${onlyOurs}; ${replaces}.`,
    settings: { Blocks: "layers" },
  },
};
