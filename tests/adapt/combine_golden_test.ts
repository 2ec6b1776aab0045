/** Combinations of adapters, of every type, beside PEFT's `add_weighted_adapter` and the sum. */

import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { combineFolders } from "../../src/adapt/combine/combine.ts";
import {
  type CombineOptions,
  combineUpdates,
  matrixFactors,
  sumError,
  toTensor,
  type WeightedUpdate,
} from "../../src/analysis/mod.ts";
import {
  type DenseMatrix,
  denseOf,
  difference,
  frobeniusNorm,
  multiply,
  scaledBy,
} from "../../src/linalg/mod.ts";
import type { LowRankFactors } from "../../src/core/update.ts";
import { digits } from "../../src/core/numbers.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
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
    for (const { error, best: { relative, least } } of await certificatesOf(name, each)) {
      if (name === "rslora_alone") assertAlmostEquals(error, 1, 1e-5);
      else if (each.method === "svd") assertAlmostEquals(error, least, 1e-5);
      else if (each.method === "cat") assert(error < 1e-6 && relative < 1e-6);
      else assert(error > 1.2 * least, `${name}: ${error}, at best ${least}`);
    }
  }
});

/** Of each module: how far PEFT's result is from the sum, and our sum of the same rank. */
function certificatesOf(name: string, each: Case) {
  return Promise.all(modules.map(async (module) => {
    const terms = await termsOf(each, module), { shape, data } = deltas.get(`${name}.${module}`)!;
    const theirs = sumError(terms, matrixFactors({ shape, data }));
    const rank = each.method === "cat" ? undefined : each.rank ?? 4;
    return { error: theirs.relative, best: sumError(terms, combineUpdates(terms, { rank })) };
  }));
}

Deno.test("decision 0037 has the errors of every case", async () => {
  const rows = await Promise.all(cases.map(async ([name, each]) => {
    const own = await certificatesOf(name, each);
    const total = (pick: (one: typeof own[number]) => number) =>
      Math.hypot(...own.map((one) => pick(one) * one.best.norm)) /
      Math.hypot(...own.map(({ best: { norm } }) => norm));
    const errors = [total(({ error }) => error), total(({ best }) => best.relative)];
    const cells = [...errors, total(({ best }) => best.least)]
      .map((error) => error < 1e-6 ? "rounding" : digits(error, 3));
    const sum = each.adapters.map((adapter, i) => `${adapter}:${each.weights[i]}`).join(" ");
    return `| ${[`\`${name}\``, sum, ...cells].join(" | ")} |`;
  }));
  const page = await Deno.readTextFile(
    new URL("../../docs/decisions/0037_combining_adapters.md", import.meta.url),
  );
  const squeezed = page.replaceAll(/ +\|/g, " |");
  for (const row of rows) assertStringIncludes(squeezed, row, rows.join("\n"));
});

/** ‖ΔW − ΔW′‖ / ‖ΔW‖ of dense matrices. */
function measured(terms: readonly WeightedUpdate[], result: DenseMatrix): number {
  const parts = terms.map(({ update, weight }) => scaledBy(dense(update), weight));
  const sum = { ...result, data: result.data.map((_, i) => addUp(parts.map((p) => p.data[i]))) };
  return frobeniusNorm(difference(sum, result)) / frobeniusNorm(sum);
}

const addUp = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

for (const [name, { adapters, weights, ...options }] of cases) {
  Deno.test(`the printed error is that of the file, and PEFT's: ${name}`, () =>
    withFolder(async (output) => {
      const folders = adapters.map((adapter, i) => ({
        folder: golden(`combinations/${adapter}`),
        weight: weights[i],
      }));
      const { modules: printed } = await combineFolders({ adapters: folders, output, ...options });
      const { updates } = await readAdapter(output);
      for (const { name: module, error } of printed) {
        const terms = await termsOf({ adapters, weights }, module);
        const file = measured(terms, dense(updates.find((one) => one.module === module)!));
        // What float64 itself rounds, where the file is the sum but for F32.
        assertAlmostEquals(error, file, 1e-6 * file + 1e-13, `${module} in the file`);
        // DARE draws other masks here, and PEFT's use_rslora is a factor: see above.
        if (/^(dare|rslora)/.test(name)) continue;
        const peft = measured(terms, denseOf(deltas.get(`${name}.${module}`)!));
        assertAlmostEquals(error, peft, 3e-6 * (1 + peft), `${module} of PEFT`);
      }
    }));
}

Deno.test("the golden cases have every method of PEFT", () => {
  const methods = new Set(cases.map(([, { method }]) => method));
  assertEquals(methods.size, 11);
  assertEquals(toTensor(denseOf(deltas.get("ties.first")!)).shape, [12, 10]);
});
