/** Combining the adapters in several folders into one, with a certificate. @module */

import { type CombineOptions, combineUpdates, sumError } from "../../analysis/mod.ts";
import { assertCombineOptions, isCut, isRandom } from "../../analysis/combine.ts";
import { boundsOf } from "../../core/numbers.ts";
import { Random } from "../../core/random.ts";
import { type FloatDtype, type TrainedUpdate, writeAdapter } from "../../formats/mod.ts";
import { openBase } from "../../models/base_file.ts";
import {
  certified,
  type CertifiedUpdate,
  storedFactors,
  type TotalError,
  totalOf,
} from "./certificate.ts";
import { recordOfSum } from "./combined_record.ts";
import { readAdapters, type ReadingRequest } from "./read_adapters.ts";
import { alignTerms, biasOf, factorsOf, type SiteTerms } from "./terms.ts";

/** What {@link combineFolders} reads and writes, and how. */
export interface CombineRequest extends ReadingRequest, Omit<CombineOptions, "draw"> {
  /** Seed of DARE's masks. Default 0. */
  readonly seed?: number;
  /** How the file stores values. Default F32. */
  readonly dtype?: FloatDtype;
}

/** What {@link combineFolders} has done. */
export interface Combination {
  /** Every site that was written. */
  readonly modules: readonly CertifiedUpdate[];
  /** All of them together. */
  readonly total: TotalError;
  /** What the result does not say of its adapters. */
  readonly notes: readonly string[];
  /** What was let pass, with the folder. */
  readonly passed: readonly (readonly [folder: string, names: readonly string[]])[];
}

/**
 * Writes one plain LoRA adapter, α = r, whose ΔW is Σ wᵢ ΔWᵢ or what another method makes of the updates, and says
 * how far it is from that sum. The ranks, scalings and variants of the adapters may differ; of DoRA it is the
 * effective ΔW = m · V / ‖V‖ − W that is summed. Biases of B are summed too, and what was trained in full becomes
 * W₀ + Σ wᵢ (Wᵢ − W₀). The folder is saved as a whole.
 *
 * Memory: the adapters and the result in F32; with DoRA, one weight and its singular vectors in float64.
 *
 * @throws {AdapterFileError} when an adapter cannot be read.
 * @throws {ShapeError} when the updates of a site have different shapes, or ranks where the method needs one.
 * @throws {RangeError} when the adapters are not of one base, the base is needed and not given, an option is out of
 * its range, or the output folder holds something else.
 */
export async function combineFolders(request: CombineRequest): Promise<Combination> {
  const { base: folder, output, dtype = "F32", seed = 0 } = request;
  const options = optionsOf(request, seed);
  const adapters = await readAdapters(request);
  using base = folder === undefined ? undefined : await openBase(folder);
  const sites = alignTerms(adapters, base), rank = rankFor(request, sites);
  const { record, notes } = await recordOfSum(adapters, request.base, base);
  const updates: TrainedUpdate[] = [], modules: CertifiedUpdate[] = [];
  const biases = sites.map(biasOf), isBiased = biases.some((bias) => bias);
  for (const [i, site] of sites.entries()) {
    const terms = await factorsOf(site, base, adapters);
    const factors = storedFactors(combineUpdates(terms, { ...options, rank }), dtype);
    const ranks = site.terms.map(({ update: { A } }) => A.shape[0]);
    modules.push(certified(site.name, ranks, factors, sumError(terms, factors)));
    const bias = biases[i] ??
      { shape: [factors.B.shape[0]], data: new Float32Array(factors.B.shape[0]) };
    updates.push({ ...site.address, ...factors, ...isBiased && { bias } });
  }
  await writeAdapter(output, { ...record, updates, dtype });
  const passed = adapters.map(({ folder, record }) => [folder, record.passed] as const);
  return { modules, total: totalOf(modules), notes, passed };
}

/** One adapter is what it is, whatever would be done with several; so in PEFT. */
function optionsOf(request: CombineRequest, seed: number): CombineOptions {
  const { adapters, method = "exact", rank, density, sign } = request, random = new Random(seed);
  const draw = isRandom(method) ? () => random.uniform() : undefined;
  const options = { method, rank, density, sign, draw };
  assertCombineOptions(options);
  return adapters.length > 1 ? options : { method: method.endsWith("svd") ? "svd" : "exact", rank };
}

/**
 * The rank of methods that are cut, if there is one.
 *
 * @throws {RangeError} when it is above what any site can have.
 */
function rankFor(
  { method = "exact", rank }: CombineRequest,
  sites: readonly SiteTerms[],
): number | undefined {
  if (!isCut(method)) return undefined;
  const isSum = method === "exact" || method === "svd";
  const most = boundsOf(sites.map((site) => mostOf(site, isSum)))[1];
  if (rank !== undefined && rank > most) {
    throw new RangeError(
      `the rank must be at most ${most}, which is all that ${
        isSum ? "the sum" : "a weight"
      } can have, found ${rank}`,
    );
  }
  if (rank !== undefined || method === "exact") return rank;
  return boundsOf(sites.flatMap(({ terms }) => terms.map(({ update: { A } }) => A.shape[0])))[1];
}

/** The largest rank that a site can need: of DoRA and of pruned updates it is that of a weight. */
function mostOf({ terms }: SiteTerms, isSum: boolean): number {
  const { A, B } = terms[0].update, side = Math.min(A.shape[1], B.shape[0]);
  if (!isSum || terms.some(({ update }) => update.magnitude)) return side;
  return Math.min(side, terms.reduce((sum, { update }) => sum + update.A.shape[0], 0));
}
