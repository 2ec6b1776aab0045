/** Claims on methods side by side, which are left out where a row that they read is. @module */

import { type Claim, claimOn, type Margin, type NotedClaim } from "../frame/mod.ts";
import type { MethodCell, MethodComparison } from "./comparison.ts";

/** Methods side by side, some of which may have no rows. */
export type ComparedMethods = Pick<MethodComparison, "has">;

/** A claim with the methods whose rows its rule reads. */
export interface MethodsClaim<Compared extends ComparedMethods = MethodComparison>
  extends Claim<Compared> {
  /** Their keys: without rows of all of them there is no claim. */
  readonly reads: readonly string[];
}

/** The claims whose rows are there, on these rows. */
export const claimsOn = <Compared extends ComparedMethods>(
  compared: Compared,
  claims: readonly MethodsClaim<Compared>[],
): NotedClaim[] =>
  claims.filter(({ reads }) => compared.has(...reads))
    .map(({ reads: _, ...claim }) => claimOn(claim, () => compared));

/** A finding's note on noise. */
export function noiseNote(compared: MethodComparison, unit: string): string {
  const { noise } = compared, decimals = unit === "nats" ? 3 : 1;
  if (Number.isNaN(noise)) return "One seed has no noise floor.";
  return `Noise floor of ${seedsOf(compared)} seeds: ${noise.toFixed(decimals)} ${unit}.`;
}

/** Number of seeds; the base alone has one value. */
const seedsOf = ({ cells }: MethodComparison) =>
  Math.max(...cells.map(({ values }) => values.length));

/** `LoRA on v is better by 8.0, less than the noise: undecided.` of a lead that no rule counts; else nothing. */
export function uncountedLead(
  compared: MethodComparison,
  other: MethodCell,
  own: MethodCell,
): string {
  const lead = compared.gain(other, own);
  if (lead <= 0 || compared.isBetter(other, own)) return "";
  return ` ${other.label} is better by ${lead.toFixed(1)}, less than the noise: undecided.`;
}

/** Distance of a number beyond its mark, with the noise floor. */
export const marginOf = (compared: MethodComparison, beyond: number): Margin => ({
  ...{ beyond, noise: compared.noise, seeds: seedsOf(compared), freedom: compared.freedom },
});

/** `LoRA (q, v) 3.412`. */
export const meanIn = ({ label, mean }: MethodCell, decimals = 3): string =>
  `${label} ${mean.toFixed(decimals)}`;
