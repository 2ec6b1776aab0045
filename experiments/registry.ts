/** All experiments, in the order of the report. @module */

import { nearestName } from "../src/core/checks.ts";
import { adaptation } from "./adaptation/adaptation.ts";
import { manyAdapters } from "./cost/many_adapters.ts";
import { matrix } from "./cost/matrix.ts";
import { resident } from "./cost/resident.ts";
import { runsAtOnce } from "./cost/runs_at_once.ts";
import { switching } from "./cost/switching.ts";
import { counting } from "./counting.ts";
import type { Claim, Experiment } from "./frame/mod.ts";
import { fullSize } from "./full_size.ts";
import { bAlone } from "./half/b_alone.ts";
import { frozenA } from "./half/frozen_a.ts";
import { encoderDimension } from "./intrinsic_dimension/encoder/encoder.ts";
import {
  intrinsicDimension,
  intrinsicDimensionHere,
} from "./intrinsic_dimension/intrinsic_dimension.ts";
import { latency, latencyMedium } from "./latency/latency.ts";
import { loraPlusHere, loraPlusWidths } from "./lora_plus/lora_plus.ts";
import { memory } from "./memory.ts";
import { merging } from "./merging.ts";
import { methodsBudget } from "./methods/budget/budget.ts";
import { methodsOnE2e } from "./methods/e2e/e2e.ts";
import { methodsOnSkills } from "./methods/skills/skills.ts";
import { lowData } from "./methods/texts/few.ts";
import { methodsOnTexts } from "./methods/texts/texts.ts";
import { paperTables } from "./paper_tables.ts";
import { plantedControls } from "./planted/controls.ts";
import { facts } from "./planted/facts.ts";
import { fullRankShift } from "./planted/full_rank_shift.ts";
import { linearTeacher } from "./planted/linear_teacher.ts";
import { plantedTransformer } from "./planted/planted_transformer.ts";
import { rotatedDigits } from "./planted/rotated_digits.ts";
import { loftqErrors } from "./quantized/loftq.ts";
import { quantizedLoss } from "./quantized/loss.ts";
import { quantizedMemory } from "./quantized/memory.ts";
import { fourBitProduct } from "./quantized/product.ts";
import { quantizedStep } from "./quantized/step.ts";
import { survival } from "./quantized/survival.ts";
import { realAmplificationStudy } from "./rank_real/amplification.ts";
import { realSubspaces } from "./rank_real/subspaces.ts";
import { realUpdates } from "./rank_real/updates.ts";
import { rankReal } from "./rank_real/rank_real.ts";
import { amplification } from "./rank_study/amplification.ts";
import { subspaces } from "./rank_study/subspaces.ts";
import { whichMatrices } from "./rank_study/which_matrices.ts";
import { whichRank } from "./rank_study/which_rank.ts";
import { rankWaste } from "./rank_waste/rank_waste.ts";
import { realAdapter } from "./real_adapter.ts";
import { regret } from "./regret/regret.ts";
import { stepCost } from "./regret/step_cost.ts";
import { scaling } from "./scaling.ts";
import { belowRankOne } from "./skills/below_rank_one/below_rank_one.ts";
import { forgetting } from "./skills/forgetting/forgetting.ts";
import { neededRankHere, neededRankMap } from "./skills/needed_rank/needed_rank.ts";
import { reinforce, reinforceHere } from "./skills/reinforce/reinforce.ts";
import { sharedSubspace } from "./skills/shared_subspace/shared_subspace.ts";
import { starts } from "./skills/starts/starts.ts";
import { supersenses } from "./supersenses/supersenses.ts";
import { trainingSpectra } from "./training_spectra.ts";
import { scaleGradients, scaleRates } from "./which_scale/which_scale.ts";

/** Every experiment that `reproduce` knows: what is quick first, then what trains. */
export const experiments: readonly Experiment[] = [
  counting,
  memory,
  paperTables,
  scaling,
  quantizedMemory,
  whichMatrices,
  rankReal,
  realSubspaces,
  realAmplificationStudy,
  realUpdates,
  neededRankMap,
  neededRankHere,
  belowRankOne,
  sharedSubspace,
  starts,
  forgetting,
  reinforce,
  reinforceHere,
  scaleGradients,
  scaleRates,
  loraPlusWidths,
  loraPlusHere,
  bAlone,
  intrinsicDimension,
  intrinsicDimensionHere,
  encoderDimension,
  matrix,
  adaptation,
  methodsOnSkills,
  methodsBudget,
  methodsOnE2e,
  methodsOnTexts,
  lowData,
  trainingSpectra,
  merging,
  survival,
  loftqErrors,
  quantizedStep,
  fourBitProduct,
  quantizedLoss,
  latency,
  latencyMedium,
  manyAdapters,
  runsAtOnce,
  switching,
  rankWaste,
  resident,
  linearTeacher,
  plantedControls,
  fullRankShift,
  rotatedDigits,
  facts,
  plantedTransformer,
  frozenA,
  supersenses,
  regret,
  stepCost,
  fullSize,
  realAdapter,
];

/** Studies on tiny GPT-2 that those on a real decoder replace, and that run by name only, and in no report (decision 0061). */
export const archived: readonly Experiment[] = [whichRank, subspaces, amplification];

const ofThePaper = (of: readonly Experiment[]): readonly Claim<unknown>[] =>
  of.flatMap(({ claims, beyond }) => claims.filter((claim) => !(claim.beyond ?? beyond)));

/** All claims of the paper, in the order of the report. */
export const paperClaims: readonly Claim<unknown>[] = ofThePaper(experiments);

/** Those of the archive. */
export const archivedClaims: readonly Claim<unknown>[] = ofThePaper(archived);

/**
 * The tables and figures of the paper that a source names: "Hu et al. 2021, tables 2 (GLUE) and 4 to 6, figure 2" has
 * table2, table4, table5, table6 and figure2. Controls of the paper's claims, and what it leaves open, have none.
 */
export function partsIn(source: string): string[] {
  const own = source.replaceAll(/ \([^)]*\)/g, "").split("; ").find((one) => one.startsWith("Hu "));
  const lists = own?.matchAll(/\b(table|figure)s? (\d+(?:(?:, | and | to )\d+)*)/g) ?? [];
  return Array.from(lists).flatMap(([, kind, list]) =>
    list.split(/, | and /).flatMap(numbersOf).map((number) => `${kind}${number}`)
  );
}

/** "4 to 6" is 4, 5 and 6. */
function numbersOf(range: string): number[] {
  const [first, last = first] = range.split(" to ").map(Number);
  return Array.from({ length: 1 + last - first }, (_, i) => first + i);
}

/** Names of experiments by the tables and figures of the paper that they are about. */
const parts = Map.groupBy(
  experiments.flatMap(({ name, source }) => partsIn(source).map((part) => ({ name, part }))),
  ({ part }) => part,
);

/** The tables and figures of the paper that experiments are about, as `--only` takes them: `table6`. */
export const paperParts: readonly string[] = [...parts.keys()].toSorted((one, other) =>
  one.localeCompare(other, "en", { numeric: true })
);

/**
 * The experiments of the given names, those of the archive too, and those about the given tables or figures of the
 * paper (`table6`); all of a report where nothing is given.
 *
 * @throws {RangeError} when a name is unknown; the message lists those that exist.
 */
export function selectExperiments(names: readonly string[]): readonly Experiment[] {
  const all = [...experiments, ...archived];
  const known = [...all.map(({ name }) => name), ...paperParts];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const meant = nearestName(unknown, known), hint = meant ? ` (did you mean ${meant}?)` : "";
    throw new RangeError(`--only takes ${known.join(", ")}; found ${unknown}${hint}`);
  }
  if (names.length === 0) return experiments;
  const chosen = names.flatMap((name) => parts.get(name)?.map((part) => part.name) ?? name);
  return all.filter(({ name }) => chosen.includes(name));
}
