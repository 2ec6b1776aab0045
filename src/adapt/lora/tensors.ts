/** The tensors of an adapter's sites, in one arena. @module */

import { Parameter } from "../../autograd/parameter.ts";
import { countRows } from "../../core/row_range.ts";
import type { Arena, ArenaEntry } from "../../device/arena.ts";
import { transpose } from "../../models/transpose.ts";
import { Embedding } from "../../nn/embedding.ts";
import { DoraSite, writeRowNorms } from "./dora_site.ts";
import { LoraEmbedding } from "./lora_embedding.ts";
import { LoraSite } from "./lora_site.ts";
import type { LoraPlan } from "./plan.ts";

/** What a site has, by the ends of PEFT's keys, which has none for start values. */
type Part =
  | ("lora_A.weight" | "lora_B.weight" | "lora_B.bias" | "lora_magnitude_vector")
  | ("lora_embedding_A" | "lora_embedding_B")
  | ("start_A.weight" | "start_B.weight");

/** A tensor's name in PEFT's form; saving joins the sites of one weight under the module's name. */
const nameOf = ({ site }: LoraPlan, part: Part): string => `base_model.model.${site.name}.${part}`;

/** All A before all B, so that an optimizer with a learning rate for each (LoRA+) finds two ranges. */
export function entriesOf(all: readonly LoraPlan[]): ArenaEntry[] {
  const vector = ({ site }: LoraPlan) => [countRows(site.rows)];
  const entries = (part: Part, some: readonly LoraPlan[], shape: (plan: LoraPlan) => number[]) =>
    some.map((plan) => ({ name: nameOf(plan, part), shape: shape(plan) }));
  const shapeA = ({ rank, site }: LoraPlan) => [rank, site.linear.extents[1]];
  const shapeB = ({ rank, site }: LoraPlan) => [countRows(site.rows), rank];
  const turnedA = (plan: LoraPlan) => shapeA(plan).reverse();
  const [tables, plans] = [true, false]
    .map((wanted) => all.filter(({ site }) => site.linear instanceof Embedding === wanted));
  const started = plans.filter(({ isStart }) => isStart);
  return [
    ...entries("lora_A.weight", plans, shapeA),
    ...entries("lora_embedding_A", tables, turnedA),
    ...entries("lora_B.weight", plans, shapeB),
    ...entries("lora_embedding_B", tables, shapeB),
    ...entries("lora_B.bias", plans.filter(({ bias }) => bias), vector),
    ...entries("lora_magnitude_vector", plans.filter(({ magnitude }) => magnitude), vector),
    ...entries("start_A.weight", started, shapeA),
    ...entries("start_B.weight", started, shapeB),
  ];
}

/** A site with its tensors in the arena, filled. */
export function makeSite(plan: LoraPlan, arena: Arena): LoraSite {
  if (plan.site.linear instanceof Embedding) return makeEmbedding(plan, arena);
  const { A, B, parameter } = factorsOf(plan, arena, ["lora_A.weight", "lora_B.weight"]);
  if (plan.magnitude) {
    const magnitude = parameter("lora_magnitude_vector");
    if (plan.magnitude === "norms") writeRowNorms(plan.site.linear.weight, magnitude.tensor);
    else arena.device.write(magnitude.tensor, plan.magnitude);
    return new DoraSite(plan.site, A, B, magnitude, plan);
  }
  const bias = plan.bias && parameter("lora_B.bias");
  if (bias) arena.device.write(bias.tensor, plan.bias!);
  return new LoraSite(plan.site, A, B, plan, bias);
}

/** An embedding's A is a table on the device: (tokens, rank). */
function makeEmbedding(plan: LoraPlan, arena: Arena): LoraSite {
  const { rank, site } = plan, [, tokens] = site.linear.extents;
  const table = transpose({ shape: [rank, tokens], data: plan.A }).data;
  const { A, B } = factorsOf({ ...plan, A: table }, arena, [
    "lora_embedding_A",
    "lora_embedding_B",
  ]);
  return new LoraEmbedding(site, A, B, plan);
}

/** The start values of a plan's site as an update that takes them out of the weight, frozen. */
export function makeStart(plan: LoraPlan, arena: Arena): LoraSite {
  const { A, B } = factorsOf(plan, arena, ["start_A.weight", "start_B.weight"]);
  for (const factor of [A, B]) factor.trainable = false;
  const { alpha, scaling } = plan;
  return new LoraSite(plan.site, A, B, { alpha: -alpha, scaling: -scaling, dropout: 0 });
}

/** A and B in the arena, filled, and how to make another parameter of the site. */
function factorsOf(plan: LoraPlan, arena: Arena, parts: readonly [Part, Part]) {
  const parameter = (part: Part) =>
    new Parameter(nameOf(plan, part), arena.view(nameOf(plan, part)));
  const [A, B] = parts.map(parameter);
  arena.device.write(A.tensor, plan.A);
  if (plan.B) arena.device.write(B.tensor, plan.B);
  return { A, B, parameter };
}
