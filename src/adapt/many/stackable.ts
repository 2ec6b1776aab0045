/** Which models and adapters may share a batch. @module */

import { countRows } from "../../core/row_range.ts";
import type { PeftAdapter } from "../../formats/mod.ts";
import type { Model } from "../../models/model.ts";
import { Linear } from "../../nn/linear.ts";
import type { LoraPlan } from "../lora/plan.ts";
import type { StackedSite } from "./stack.ts";

/**
 * Throws for a model whose linear layers have inputs that belong to no row of the batch.
 *
 * @throws {RangeError} then.
 */
export function assertSeesTokens({ architecture }: Model): void {
  const type = architecture?.modelType;
  if (!type?.startsWith("deberta")) return;
  throw new RangeError(
    `adapters of one batch need layers whose inputs are tokens, found ${type}, which projects distances too`,
  );
}

/**
 * The sites of an adapter by the paths of their layers.
 *
 * @throws {RangeError} when one is not A and B of a linear layer, with a magnitude of all of its rows or none.
 */
export function sitesOf(
  name: string,
  plans: readonly LoraPlan[],
): ReadonlyMap<string, readonly StackedSite[]> {
  for (const plan of plans) assertLinear(name, plan);
  const layers = Map.groupBy(plans, ({ site }) => site.linear.name);
  return new Map([...layers].map(([layer, own]) => [layer, own.map(stackedSite)]));
}

function stackedSite({ site: { rows }, magnitude, ...plan }: LoraPlan): StackedSite {
  const { rank, scaling, A, B = new Float32Array(countRows(rows) * rank) } = plan;
  const m = magnitude === "norms" ? undefined : magnitude;
  return { rank, scaling, rows, A, B, ...m && { magnitude: m } };
}

function assertLinear(name: string, { site, bias, magnitude, isStart }: LoraPlan): void {
  const { linear } = site, isLinear = linear instanceof Linear;
  const cases: Readonly<Record<string, boolean>> = {
    "DoRA of a part": magnitude !== undefined && countRows(site.rows) !== linear.extents[0],
    "a bias of B": bias !== undefined,
    "start values": isStart === true || magnitude === "norms",
    "an embedding": !isLinear,
    "a head": isLinear && linear.parts.head !== undefined,
  };
  const found = Object.keys(cases).find((what) => cases[what]);
  if (found) refuse(name, `${found} on ${site.name}`);
}

/**
 * Throws unless a file has updates alone.
 *
 * @throws {RangeError} then.
 */
export function assertUpdatesAlone(name: string, { saved, biases, rows }: PeftAdapter): void {
  const counts = { "modules in full": saved, "the base's biases": biases, "rows of tables": rows };
  for (const [what, { size }] of Object.entries(counts)) {
    if (size > 0) refuse(name, what);
  }
}

function refuse(name: string, found: string): never {
  throw new RangeError(
    `adapters of one batch must be LoRA or DoRA of linear layers alone, found ${found} in "${name}"`,
  );
}
