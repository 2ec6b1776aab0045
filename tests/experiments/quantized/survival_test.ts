/** `survival`: what is measured, and the rules of decision 0033 on rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { survival, survivalClaims } from "../../../experiments/quantized/survival.ts";
import {
  blockSizes,
  forms,
  type KindOfWeights,
  kindsOfWeights,
  leftOf,
  norm,
  scaled,
  sizes,
  type SurvivalRow,
  type SurvivalRows,
  updatedWeights,
} from "../../../experiments/quantized/survival_rows.ts";
import { DryDevice } from "../../../src/device/dry.ts";

const [nf4Loses, fp4Loses, largestValue, largeSurvives, floatsKeep, isPrecise] = survivalClaims;

/** Share of an update that survives merging, by the storage of the weights. */
type Kept = (row: Omit<SurvivalRow, "points" | "quantizationError">, size: number) => number;

/** Rows that keep every rule, FP4's as well, but for what is given. */
function rowsOf(kept: Kept = () => NaN, error: (row: SurvivalRow) => number = () => NaN) {
  const usual: Kept = ({ blockSize, into }, size) =>
    into === "floats" || size >= 0.3 ? 1 : 1 / blockSize;
  const rows = kindsOfWeights.flatMap((kind) =>
    forms.map((form): SurvivalRow => {
      const own = { kind, ...form };
      const points = sizes.map((size) => {
        const found = kept(own, size), share = Number.isNaN(found) ? usual(own, size) : found;
        return { size, kept: share, least: share, most: share, error: 1, chance: 0 };
      });
      const row = { ...own, quantizationError: form.code === "nf4" ? 0.09 : 0.1, points };
      const found = error(row);
      return Number.isNaN(found) ? row : { ...row, quantizationError: found };
    })
  );
  return { rows, trainedSizes: [1] } satisfies SurvivalRows;
}

/** One cell of all rows. */
const only = (share: number, test: (row: SurvivalRow, size: number) => boolean): SurvivalRows =>
  rowsOf((row, size) => test(row as SurvivalRow, size) ? share : NaN);

Deno.test("rows as they are expected keep every rule", () => {
  for (const claim of survivalClaims) {
    assertEquals(claim.holds(rowsOf()), true, String(claim.text));
    for (const words of [claim.ours!(rowsOf()), claim.found!(rowsOf())]) {
      assert(!/NaN|undefined|Infinity/.test(words), words);
    }
  }
});

Deno.test("a loss is less than 5% at 1%, of every weights and block size, with scales in 8 bits", () => {
  for (const [code, claim] of [["nf4", nf4Loses], ["fp4", fp4Loses]] as const) {
    const at = (kind: KindOfWeights, blockSize: number) => (row: SurvivalRow, size: number) =>
      size === 0.01 && row.kind === kind && row.code === code && row.blockSize === blockSize &&
      row.into === "4 bits" && row.doubleQuantization;
    for (const kind of kindsOfWeights) {
      for (const blockSize of blockSizes) {
        assertEquals(claim.holds(only(0.0499, at(kind, blockSize))), true);
        assertEquals(claim.holds(only(0.05, at(kind, blockSize))), false);
      }
    }
    const other = code === "nf4" ? "fp4" : "nf4";
    assertEquals(claim.holds(only(1, (row, size) => size === 0.01 && row.code === other)), true);
    assertEquals(claim.holds(only(1, (_, size) => size > 0.01)), true);
  }
});

Deno.test("what is left of a tiny update is within a factor of two of 1/B, with scales in F32", () => {
  for (const size of [0.001, 0.003]) {
    const at = (row: SurvivalRow, own: number) =>
      own === size && row.blockSize === 256 && !row.doubleQuantization;
    for (const [times, holds] of [[0.5, true], [0.49, false], [2, true], [2.01, false]] as const) {
      assertEquals(largestValue.holds(only(times / 256, at)), holds, `${times}`);
    }
  }
  assertEquals(largestValue.holds(only(0, (row) => row.doubleQuantization)), true);
});

Deno.test("a large update keeps 90% in NF4", () => {
  for (const size of [0.3, 1]) {
    const at = (row: SurvivalRow, own: number) =>
      own === size && row.code === "nf4" && row.blockSize === 32 && row.doubleQuantization;
    assertEquals(largeSurvives.holds(only(0.9, at)), true);
    assertEquals(largeSurvives.holds(only(0.899, at)), false);
  }
});

Deno.test("merged into floats, a small update keeps 90 to 110%", () => {
  for (const code of ["nf4", "fp4"]) {
    const at = (row: SurvivalRow, size: number) =>
      size === 0.01 && row.into === "floats" && row.code === code;
    for (
      const [share, holds] of [[0.91, true], [0.89, false], [1.09, true], [1.11, false]] as const
    ) {
      assertEquals(floatsKeep.holds(only(share, at)), holds, `${share}`);
    }
  }
});

Deno.test("NF4 is more precise if its error is smaller everywhere, and not where it is as large", () => {
  const at = (error: number) => (row: SurvivalRow) =>
    row.kind === "base" && row.code === "nf4" && row.blockSize === 128 && row.into === "4 bits" &&
      row.doubleQuantization
      ? error
      : NaN;
  assertEquals(isPrecise.holds(rowsOf(undefined, at(0.0999))), true);
  assertEquals(isPrecise.holds(rowsOf(undefined, at(0.1))), false);
});

const vector = (...data: number[]) => ({ shape: [data.length], data: Float32Array.from(data) });

Deno.test("what is left: all of it, half of it, none, and what another update has of the change", () => {
  const update = vector(3, 4), other = vector(4, 3), before = vector(1, -1);
  const all = { kept: 1, error: 0, chance: 24 / 25 };
  assertEquals(leftOf(before, vector(4, 3), update, other), all);
  const half = leftOf(before, vector(2.5, 1), update, vector(-4, 3));
  assertEquals(half, { kept: 0.5, error: 0.5, chance: 0 });
  assertEquals(leftOf(before, before, update, other), { kept: 0, error: 1, chance: 0 });
});

const context = (quick: boolean) => {
  const { signal } = new AbortController(), report = () => {}, device = new DryDevice();
  return { device, seeds: [1], quick, full: false, out: "", signal, report };
};

Deno.test("updates are as large as their weights, unrelated ones too, and follow from the seeds", async () => {
  const weights = await updatedWeights(context(true)), again = await updatedWeights(context(true));
  assertEquals(weights.map(({ kind }) => kind), [...Array(4).fill("trained"), "normal"]);
  assertEquals(weights, again);
  for (const { weight, update, unrelated } of weights) {
    for (const one of [update, unrelated]) {
      assertEquals(one.shape, weight.shape);
      assertAlmostEquals(norm(one) / norm(weight), 1, 1e-6);
    }
    const { chance } = leftOf(scaled(update, 0), update, update, unrelated);
    assert(Math.abs(chance) < 0.1, `${chance}`);
  }
  const other = await updatedWeights({ ...context(true), seeds: [2] });
  assert(other.at(-1)!.weight.data[0] !== weights.at(-1)!.weight.data[0]);
});

Deno.test("survival stops where the job is stopped", async () => {
  const signal = AbortSignal.abort(new Error("stopped"));
  const run = () => survival.run({ ...context(true), signal });
  await assertRejects(run, Error, "stopped");
});
