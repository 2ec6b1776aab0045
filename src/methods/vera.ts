/** VeRA (Kopiczko et al. 2024). @module */

import { selectLayerSites } from "../architectures/sites.ts";
import type { Method, Uncounted } from "./method.ts";
import { modulesToSave, number, rank, sites, targetModules } from "./option.ts";
import { countByLayer, type CountedModules, type CountedSites, selectionOf } from "./selection.ts";

/** Two vectors for each of some layers, beside random matrices that they share. */
export const vera: Method<
  "vera",
  CountedSites & CountedModules & Uncounted<"dropout" | "dInitial">
> = {
  kind: "vera",
  summary: "two vectors for each layer, beside random matrices that all share",
  peftType: "VERA",
  options: { rank, sites, targetModules, dropout: number, dInitial: number, modulesToSave },
  defaults: () => ({ rank: 256 }),
  title: ({ rank }) => rank === undefined ? "VeRA" : `VeRA of rank ${rank}`,
  counts(model, { rank: r, ...given }, value) {
    const selection = selectionOf(given, { targetModules: model.peftTargets });
    const sites = selectLayerSites(model.linears, selection);
    const counts = countByLayer(sites, ({ name, layer, role }) => {
      if (layer.kind === "embedding" || role) {
        throw new RangeError(`VeRA needs whole linear layers, by targetModules, found ${name}`);
      }
      return value("veraParameters", { r, d_out: layer.outputs });
    });
    return { layers: [counts] };
  },
  trains: "vectors",
  card: {
    ...{ title: "VeRA adapter", library: "peft", tag: "vera" },
    what:
      "For each weight that it changes two trained vectors, between which two random matrices act " +
      "that all\nweights share.",
    settings: { "Weights that it changes": "target_modules", "Rank": "r" },
  },
};
