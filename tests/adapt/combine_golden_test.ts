/** What PEFT's `add_weighted_adapter` makes of adapters, by every combination type, and how far it is from the sum. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type CombineOptions,
  combineUpdates,
  matrixFactors,
  sumError,
  toTensor,
  type WeightedUpdate,
} from "../../src/analysis/mod.ts";
import { denseOf, difference, frobeniusNorm, multiply, scaledBy } from "../../src/linalg/mod.ts";
import type { LowRankFactors } from "../../src/core/low_rank_update.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";
import "../support/open_lapack.ts";

interface Case extends Pick<CombineOptions, "rank" | "density" | "sign" | "method"> {
  readonly adapters: readonly string[];
  readonly weights: readonly number[];
}

const cases: [string, Case][] = Object.entries(await goldenJson("combinations/cases.json"));
const deltas = await tensorsOf(golden("combinations/deltas.safetensors"));
const modules = ["first", "second"];

/** The masks of the golden files, over all modules of a case. */
function knownDraws(): () => number {
  let drawn = 0;
  return () => (37 * drawn++ + 11) % 101 / 101;
}

async function termsOf({ adapters, weights }: Case, module: string): Promise<WeightedUpdate[]> {
  return await Promise.all(adapters.map(async (name, i) => {
    const { updates } = await readAdapter(golden(`combinations/${name}`));
    return { update: updates.find((update) => update.module === module)!, weight: weights[i] };
  }));
}

const dense = ({ A, B, scaling }: LowRankFactors) =>
  scaledBy(multiply(denseOf(B), denseOf(A)), scaling);

for (const [name, { adapters, weights, ...options }] of cases) {
  Deno.test(`PEFT's combination: ${name}`, async () => {
    const draw = options.method!.startsWith("dare") ? knownDraws() : undefined;
    for (const module of modules) {
      const terms = await termsOf({ adapters, weights }, module);
      const peft = denseOf(deltas.get(`${name}.${module}`)!);
      const own = combineUpdates(terms, { ...options, draw }), norm = frobeniusNorm(peft);
      // PEFT keeps use_rslora in the new configuration, whose scaling then is √r and not 1.
      const expected = name.startsWith("rslora") ? scaledBy(dense(own), Math.sqrt(4)) : dense(own);
      // Products and singular vectors in F32: a few hundred roundings.
      assert(frobeniusNorm(difference(expected, peft)) <= 3e-6 * norm, `${name} of ${module}`);
    }
  });
}

Deno.test("PEFT's linear is far from the sum, its svd and cat are the best of their rank", async () => {
  for (const [name, each] of cases) {
    for (const module of modules) {
      const terms = await termsOf(each, module);
      const { shape, data } = deltas.get(`${name}.${module}`)!;
      const theirs = matrixFactors({ shape, data });
      const error = sumError(terms, theirs).relative;
      const own = combineUpdates(terms, {
        rank: each.method === "cat" ? undefined : each.rank ?? 4,
      });
      const { relative, least } = sumError(terms, own);
      if (name === "rslora_alone") assertAlmostEquals(error, 1, 1e-5);
      else if (each.method === "svd") assertAlmostEquals(error, least, 1e-5);
      else if (each.method === "cat") assert(error < 1e-6 && relative < 1e-6);
      else assert(error > 1.2 * least, `${name}: ${error}, at best ${least}`);
    }
  }
});

Deno.test("the golden cases have every method of PEFT", () => {
  const methods = new Set(cases.map(([, { method }]) => method));
  assertEquals(methods.size, 11);
  assertEquals(toTensor(denseOf(deltas.get("ties.first")!)).shape, [12, 10]);
});
