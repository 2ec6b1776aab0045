/** Figures 3, 4, 6 and 7: which directions adapters of other ranks, seeds and layers share. @module */

import type { Finding } from "../frame/claim.ts";
import type { Experiment } from "../frame/experiment.ts";
import { plannedRuns } from "./adapters.ts";
import { judge } from "../verdict.ts";
import { largeRank, seedAt, subspaceRuns, subspaceSeeds } from "./runs.ts";
import { meanOverSites, similaritiesIn, smallRank } from "./similarities.ts";
import { spaces } from "./spaces.ts";
import { loadStudy, startingPoint } from "./study.ts";
import {
  acrossFigure,
  diagonalFigure,
  ranksFigure,
  seedsFigure,
  similarityTable,
  type SpaceSimilarity,
  startFigure,
  updateFigure,
} from "./subspace_figures.ts";
import {
  commonDirections,
  commonOf,
  type ModuleSimilarity,
  othersAreNot,
  phi,
  queryHasMore,
  restShared,
  sameInEveryLayer,
  seedsShare,
  topIsShared,
} from "./subspace_rules.ts";
import { studySettings } from "./training.ts";

/** A claim with its rule, and how both are read off the similarities. */
interface SubspaceClaim {
  readonly claim: string;
  readonly rule: string;
  readonly held: (modules: readonly ModuleSimilarity[], chance?: number) => boolean;
  readonly found: (modules: readonly ModuleSimilarity[]) => string;
}

const each = (
  modules: readonly ModuleSimilarity[],
  value: (module: ModuleSimilarity) => number,
) =>
  modules.map((module) => `${module.site}${module.layer + 1} ${value(module).toFixed(2)}`)
    .join(", ");

/** A layer's modules have one control. */
const eachControl = (
  modules: readonly ModuleSimilarity[],
  value: (control: ModuleSimilarity["control"]) => number,
) =>
  modules.filter(({ site }) => site === "q")
    .map(({ layer, control }) => `layer ${layer + 1} ${value(control).toFixed(2)}`).join(", ");

const topFound = (modules: readonly ModuleSimilarity[]) =>
  `φ(1, 1): ${each(modules, ({ ranks }) => phi(ranks, 1, 1))}; Gaussian updates: ${
    eachControl(modules, ({ ranks }) => phi(ranks, 1, 1))
  }.`;

const claims: readonly SubspaceClaim[] = [
  {
    claim: "Figure 3: r = 8 and r = 64 share their top direction",
    rule:
      "held when φ(1, 1) > 0.5 in at least three of the four modules, where Gaussian updates do " +
      "not reach it themselves",
    held: topIsShared,
    found: topFound,
  },
  {
    claim: "Figure 3: and not the others",
    rule: "held when (8 φ(8, 8) − φ(1, 1)) / 7 < 0.5 in at least three of the four modules",
    held: othersAreNot,
    found: (modules) =>
      `directions 2 to 8: ${each(modules, restShared)}; Gaussian updates: ${
        eachControl(modules, restShared)
      }.`,
  },
  {
    claim: "Figure 4: two seeds share directions at r = 64, Gaussian matrices do not",
    rule:
      "held when φ(8, 8) is at least twice that of Gaussian matrices of the same shapes in every " +
      "module; these, in A, within 0.02 of max(i, j) / d",
    held: seedsShare,
    found: (modules) =>
      `φ(8, 8): ${each(modules, ({ seeds }) => phi(seeds, 8, 8))}; Gaussian: ${
        eachControl(modules, ({ seeds }) => phi(seeds, 8, 8))
      }.`,
  },
  {
    claim: "Figure 4: q has more common directions than v",
    rule: "held when the largest i with φ(i, i) ≥ 0.5, summed over the layers, is larger for q",
    held: queryHasMore,
    found: (modules) => {
      const counts = modules.map((module) =>
        `${module.site}${module.layer + 1} ${commonDirections(module)}`
      );
      const random = modules.map(({ control }) => phi(control.seeds, largeRank, largeRank));
      return `q: ${commonOf(modules, "q")}, v: ${commonOf(modules, "v")} (${counts.join(", ")}); ` +
        `chance alone rises with i, to φ(64, 64) = ${Math.max(...random).toFixed(2)}.`;
    },
  },
  {
    claim: "Figures 6, 7: the same in every layer",
    rule: "held when figure 3's first rule holds for q and for v in both layers",
    held: sameInEveryLayer,
    found: topFound,
  },
];

function findingsIn({ space, modules }: SpaceSimilarity, chance: number, quick: boolean) {
  return claims.map(({ claim, rule, held, found }): Finding => ({
    claim: `${claim} (in ${space.name})`,
    rule: `${rule}.`,
    found: found(modules),
    verdict: judge(held(modules, space === spaces.A ? chance : undefined), quick),
  }));
}

/** Which directions are shared between ranks, seeds and layers. */
export const subspaces: Experiment = {
  name: "subspaces",
  title: "Which directions do adapters share?",
  question:
    "Are the directions that LoRA finds the same for another rank, another seed, in every layer? " +
    "Judged in A, as printed, and in ΔW·S^½, what the update does to inputs that it really sees " +
    "(S = E[x xᵀ], their second moment).",
  source: "Hu et al. 2021, section 7.2, figures 3, 4, 6 and 7",
  runs: (context) => plannedRuns([smallRank, largeRank].flatMap(subspaceRuns), context),
  async run(context) {
    const modules = await loadStudy([smallRank, largeRank], context);
    const of = (name: keyof typeof spaces): SpaceSimilarity => {
      return { space: spaces[name], modules: similaritiesIn(spaces[name], modules) };
    };
    const judged = [of("A"), of("metric")], drawn = [of("right"), of("left")];
    const width = modules[0].metric.activations.columns;
    const [seed] = subspaceSeeds, small = await startingPoint(context, smallRank, seed);
    const start = {
      different: meanOverSites(
        small,
        await startingPoint(context, largeRank, seedAt(largeRank, seed)),
      ),
      equal: meanOverSites(small, await startingPoint(context, largeRank, seed)),
    };
    context.report(1, "compared");
    return {
      settings: studySettings(context.quick),
      findings: judged.flatMap((space) => findingsIn(space, smallRank / width, context.quick)),
      tables: [similarityTable([...judged, ...drawn])],
      figures: [
        ranksFigure(judged),
        acrossFigure(judged),
        updateFigure(drawn),
        startFigure(start, width),
        seedsFigure(judged),
        diagonalFigure(judged),
      ],
    };
  },
};
