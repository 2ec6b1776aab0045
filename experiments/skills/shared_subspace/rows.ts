/** Shares that the adapters of a repeat and a start hold of one another, beside chance, and answers. @module */

import { injectLora, type LoraAdapter, type LowRankUpdate } from "../../../src/adapt/mod.ts";
import type { LowRankFactors } from "../../../src/analysis/mod.ts";
import { mean } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import { hostTensor } from "../../../src/core/tensor.ts";
import { siteName } from "../../../src/core/update.ts";
import { readAdapter } from "../../../src/formats/mod.ts";
import { gaussian } from "../../../src/linalg/mod.ts";
import type { TextModel } from "../../../src/models/mod.ts";
import { shareBase } from "../../../src/runs/mod.ts";
import type { ExperimentContext, MadeRun } from "../../frame/mod.ts";
import { openSkillsBase } from "../runs.ts";
import { type AnswerRow, answerRows } from "./answers.ts";
import { type About, heldByMean, heldShares, ownShares, type Products, sizes } from "./held.ts";
import { sharedLora, type SharedRun, type Starts, startSeed, type Trained } from "./runs.ts";
import { productsOf, type View, views } from "./views.ts";

/** The adapters that were left out: one, its whole family, as many that were drawn, or none. */
export type Out = "one" | "family" | "drawn" | "none";

/** Shares that are held, means over the adapters and layers. */
export interface HeldRow {
  /** The repeat. */
  readonly seed: number;
  /** The starts of A. */
  readonly starts: Starts;
  /** Trained, or by chance. */
  readonly made: "trained" | "chance";
  /** The view. */
  readonly view: View;
  /** Left out. */
  readonly out: Out;
  /** The origin. */
  readonly about: About;
  /** The share that the direction of the others' mean holds. */
  readonly mean?: number;
  /** Of the first direction, the first two, and so on. */
  readonly k1: number;
  readonly k2: number;
  readonly k4: number;
  readonly k8: number;
  readonly k16: number;
  readonly k32: number;
}

/** Rows of the study. */
export interface SharedRows {
  /** Shares. */
  readonly held: readonly HeldRow[];
  /** Answers. */
  readonly answers: readonly AnswerRow[];
}

/** Reads the adapters, and measures those of each repeat and start. */
export async function sharedRows(
  made: readonly MadeRun<SharedRun>[],
  { device, report }: ExperimentContext,
): Promise<SharedRows> {
  using base = await openSkillsBase(device, "trained", 0);
  const held: HeldRow[] = [], answers: AnswerRow[] = [];
  const groups = [...Map.groupBy(made, ({ chosen }) => `${chosen.repeat} ${chosen.starts}`)];
  for (const [at, [name, runs]] of groups.entries()) {
    report(at / groups.length, `seed ${name} start`);
    const adapters = await Promise.all(runs.map(readTrained));
    const byChance = await chanceOf(base, adapters);
    held.push(...heldRows(adapters, "trained"), ...heldRows(byChance, "chance"));
    answers.push(...await answerRows(base, adapters));
  }
  return { held, answers };
}

async function readTrained({ folder, chosen, metrics }: MadeRun<SharedRun>): Promise<Trained> {
  const { updates } = await readAdapter(`${folder}/adapter`);
  return { ...chosen, exact: metrics.exact as number, updates: inOrder(updates) };
}

const inOrder = (updates: readonly LowRankUpdate[]): LowRankUpdate[] =>
  updates.toSorted((one, other) => siteName(one) < siteName(other) ? -1 : 1);

/** The same with A as it was at the start, and a Gaussian B. */
async function chanceOf(base: TextModel, adapters: readonly Trained[]): Promise<Trained[]> {
  const random = new Random(startSeed(adapters[0])).split(1), found: Trained[] = [];
  for (const adapter of adapters) {
    using started = injectLora(shareBase(base), { ...sharedLora, seed: startSeed(adapter) });
    const starts = await startsOf(started);
    const updates = adapter.updates.map(({ B: { shape: [rows, rank] } }, at): LowRankFactors => {
      const data = Float32Array.from(gaussian(rows, rank, random).data);
      return { A: starts[at], B: hostTensor([rows, rank], data), scaling: 1 };
    });
    found.push({ ...adapter, updates });
  }
  return found;
}

/** A of every layer, in the order of {@link inOrder}. */
async function startsOf({ sites }: LoraAdapter) {
  const sorted = sites.toSorted((one, other) => one.name < other.name ? -1 : 1);
  return await sorted[0].A.tensor.device.read(...sorted.map(({ A }) => A.tensor));
}

/** The adapters that are left out in a view, and the origin. */
const caseOf: Readonly<Record<View, readonly (readonly [Out, About])[]>> = {
  "ΔW": (["one", "family", "drawn", "none"] as const).flatMap((out) =>
    (["zero", "mean"] as const).map((about) => [out, about] as const)
  ),
  A: [["one", "zero"], ["one", "mean"]],
  B: [["one", "zero"], ["one", "mean"]],
  inputs: [["one", "zero"], ["family", "zero"], ["none", "zero"]],
  outputs: [["one", "zero"], ["family", "zero"], ["none", "zero"]],
};

/** By modes every fifth adapter is left out. */
const everyFifth = 5;

/** All shares of some adapters of a repeat and a start. */
export function heldRows(adapters: readonly Trained[], made: HeldRow["made"]): HeldRow[] {
  const [{ repeat: seed, starts, updates }] = adapters;
  return views.flatMap((view) => {
    const layers = updates.map((_, at) =>
      productsOf(view, adapters.map(({ updates }) => updates[at]))
    );
    return caseOf[view].filter((one) => !isNothing(view, one[1], made, starts)).map(
      ([out, about]): HeldRow => {
        const all = layers.flatMap((products) => sharesOf(products, adapters, out, about));
        const [k1, k2, k4, k8, k16, k32] = sizes.map((_, at) =>
          mean(all.map(({ shares }) => shares[at]))
        );
        const means = about === "zero" && out !== "none" && layers[0].rows === 1 &&
          mean(all.map(({ mean }) => mean!));
        return {
          ...{ seed, starts, made, view, out, about },
          ...means !== false && { mean: means },
          ...{ k1, k2, k4, k8, k16, k32 },
        };
      },
    );
  });
}

/** True of A's that are all the same, less their mean. */
const isNothing = (view: View, about: About, made: HeldRow["made"], starts: Starts): boolean =>
  view === "A" && about === "mean" && made === "chance" && starts === "one";

/** Shares of one adapter in one layer. */
interface Shares {
  readonly shares: readonly number[];
  readonly mean?: number;
}

function sharesOf(
  products: Products,
  adapters: readonly Trained[],
  out: Out,
  about: About,
): Shares[] {
  if (out === "none") return [{ shares: ownShares(products, about) }];
  const step = products.rows > 1 ? everyFifth : 1;
  return adapters.flatMap((_, item) => {
    if (item % step > 0) return [];
    const others = othersOf(adapters, item, out),
      shares = heldShares(products, item, others, about);
    const mean = products.rows === 1 ? heldByMean(products, item, others).share : undefined;
    return [{ shares, mean }];
  });
}

/** Places of the adapters that directions are made of. */
export function othersOf(adapters: readonly SharedRun[], item: number, out: Out): number[] {
  const others = [...adapters.keys()].filter((at) => at !== item);
  const { family } = adapters[item].task;
  const isKin = (at: number) => adapters[at].task.family === family;
  if (out === "family") return others.filter((at) => !isKin(at));
  if (out === "one") return others;
  const kin = others.filter(isKin).length, order = new Random(item).permutation(others.length);
  return Array.from(order.subarray(kin), (at) => others[at]);
}
