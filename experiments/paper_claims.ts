/** The paper's claims that experiments judge, each with its rule and the paper's own numbers (decision 0052). @module */

import type { Claim } from "../src/paper/claim.ts";
import { adaptation } from "./adaptation/adaptation.ts";
import { counting } from "./counting.ts";
import { latencyClaims } from "./latency/claims.ts";
import { mediumShape, smallShape } from "./latency/variants.ts";
import { matrix } from "./matrix/matrix.ts";
import { memory } from "./memory.ts";
import { merging } from "./merging.ts";
import { budgetClaims, enoughClaim } from "./methods/budget/claims.ts";
import { e2eClaims } from "./methods/e2e/claims.ts";
import { eachTaskClaims, skillClaims } from "./methods/skills/claims.ts";
import { textClaims } from "./methods/texts/claims.ts";
import { fewClaims } from "./methods/texts/few_claims.ts";
import { paperTables } from "./paper_tables.ts";
import { amplificationClaims } from "./rank_study/amplification.ts";
import { realAmplificationClaims } from "./rank_real/amplification.ts";
import { methodClaims, queryClaim, rankClaims as realRankClaims } from "./rank_real/claims.ts";
import { realSubspaceClaims } from "./rank_real/subspaces.ts";
import { subspaceClaims } from "./rank_study/subspaces.ts";
import { budgetClaim } from "./rank_study/which_matrices.ts";
import { rankClaims } from "./rank_study/which_rank.ts";
import { mapClaims } from "./skills/needed_rank/claims.ts";
import { switchingClaims } from "./switching/switching.ts";

const all: readonly Claim<unknown>[] = [
  ...[counting, memory, paperTables].flatMap(({ claims }) => claims!),
  budgetClaim,
  ...rankClaims,
  ...subspaceClaims,
  ...amplificationClaims,
  ...mapClaims,
  ...matrix.claims!,
  ...adaptation.claims!,
  ...eachTaskClaims,
  ...skillClaims,
  ...budgetClaims,
  enoughClaim,
  ...e2eClaims,
  ...merging.claims!,
  ...[smallShape, mediumShape].flatMap(({ name }) => latencyClaims(name)),
  ...switchingClaims,
  ...textClaims,
  ...fewClaims,
] as readonly Claim<unknown>[];

/** All claims of the paper, in the order of the report. */
export const paperClaims: readonly Claim<unknown>[] = all.filter(({ beyond }) => !beyond);

/** Claims of the paper whose runs on a real decoder are not finished: no report has them yet (decision 0056). */
export const awaitedClaims: readonly Claim<unknown>[] = [
  ...realRankClaims,
  queryClaim,
  ...realSubspaceClaims,
  ...realAmplificationClaims,
  ...methodClaims,
] as readonly Claim<unknown>[];
