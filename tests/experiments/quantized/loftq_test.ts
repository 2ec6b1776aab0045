/** `loftq`: what is measured, and the rules of decision 0033 on rows that just keep and just break them. */

import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import {
  iterations,
  loftqClaims,
  loftqErrors,
  type LoftqRow,
  loftqRows,
  matricesOf,
  noiseBeyond,
  ranks,
} from "../../../experiments/quantized/loftq.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { mean } from "../../../src/core/numbers.ts";
import { denseOf, difference, frobeniusNorm } from "../../../src/linalg/mod.ts";
import { dequantize, quantize } from "../../../src/quant/mod.ts";
import "../../support/open_lapack.ts";

const [isCloser, hasStructure, moreHelps] = loftqClaims;

const kinds: readonly LoftqRow["kind"][] = ["base", "base", "normal"];

/** Rows that keep every rule, and what takes the place of some of their values. */
const rowsOf = (change: (row: LoftqRow) => Partial<LoftqRow> = () => ({})): LoftqRow[] =>
  kinds.flatMap((kind, i) =>
    ranks.map((rank): LoftqRow => {
      const errors = Array.from({ length: 11 }, (_, T) => 0.09 - 0.001 * T);
      const chance = kind === "base" ? 0.095 : errors[1];
      const row = { kind, matrix: `${kind} ${i}`, shape: [2, 3], rank, errors, chance };
      return { ...row, ...change(row) };
    })
  );

/** The same errors with another one at T. */
const withError = (errors: readonly number[], T: number, error: number) => errors.with(T, error);

Deno.test("rows as they are expected keep every rule", () => {
  for (const claim of loftqClaims) {
    assertEquals(claim.holds(rowsOf()), true, String(claim.text));
    for (const words of [claim.ours!(rowsOf()), claim.found!(rowsOf())]) {
      assert(!/NaN|undefined|Infinity/.test(words), words);
    }
  }
});

Deno.test("it is closer if at T = 5 every matrix is, at every rank, and not if one is as far", () => {
  for (const kind of kinds) {
    for (const rank of ranks) {
      const rows = (error: number) =>
        rowsOf((row) =>
          row.kind === kind && row.rank === rank ? { errors: withError(row.errors, 5, error) } : {}
        );
      assertEquals(isCloser.holds(rows(0.0899)), true);
      assertEquals(isCloser.holds(rows(0.09)), false);
    }
  }
  const worseLater = rowsOf(({ errors }) => ({ errors: withError(errors, 10, 1) }));
  assertEquals(isCloser.holds(worseLater), true);
});

Deno.test("a structure is 2% below chance at r = 16 and T = 1, on average over the base's matrices", () => {
  const rows = (...chances: readonly number[]) =>
    rowsOf(({ kind, matrix, rank, errors }) =>
      kind === "base" && rank === 16
        ? { chance: errors[1] / (1 - chances[Number(matrix.at(-1))]) }
        : {}
    );
  assertEquals(hasStructure.holds(rows(0.0201, 0.0201)), true);
  assertEquals(hasStructure.holds(rows(0.0199, 0.0199)), false);
  assertEquals(hasStructure.holds(rows(0.05, 0)), true);
  assertEquals(hasStructure.holds(rows(0.03, 0.005)), false);
  // Other ranks and the normal values are not read.
  const others = rowsOf(({ kind, rank, errors }) =>
    kind === "normal" || rank !== 16 ? { chance: errors[1] } : {}
  );
  assertEquals(hasStructure.holds(others), true);
});

Deno.test("more iterations help if the mean error at T = 5 is below that at T = 1, at every rank", () => {
  for (const rank of ranks) {
    const rows = (...errors: readonly number[]) =>
      rowsOf((row) =>
        row.rank === rank
          ? { errors: withError(row.errors, 5, errors[Number(row.matrix.at(-1))]) }
          : {}
      );
    // The errors at T = 1 are 0.089.
    assertEquals(moreHelps.holds(rows(0.09, 0.09, 0.086)), true);
    assertEquals(moreHelps.holds(rows(0.09, 0.09, 0.088)), false);
  }
});

const context = (seeds: readonly number[] = [1]) => {
  const { signal } = new AbortController(), report = () => {}, device = new DryDevice();
  return { device, seeds, quick: true, full: false, out: "", signal, report };
};

Deno.test("the matrices: the base's eight linear layers, and a normal one of unit variance for each seed", async () => {
  const whole = { ...context([1, 2]), quick: false, full: true },
    matrices = await matricesOf(whole);
  assertEquals(matrices.map(({ matrix, weight: { shape } }) => [matrix, ...shape]), [
    ...[0, 1].flatMap((block) => [
      [`h.${block}.attn.c_attn`, 768, 256],
      [`h.${block}.attn.c_proj`, 256, 256],
      [`h.${block}.mlp.c_fc`, 1024, 256],
      [`h.${block}.mlp.c_proj`, 256, 1024],
    ]),
    ["normal values, seed 1", 512, 512],
    ["normal values, seed 2", 512, 512],
  ]);
  assertEquals(await matricesOf(whole), matrices);
  const usual = await matricesOf({ ...whole, seeds: [1], full: false });
  assertEquals(usual.slice(0, 4), matrices.slice(0, 4));
  assertEquals(usual.slice(4).map(({ weight: { shape } }) => shape), [[256, 256]]);
  const [one, two] = matrices.slice(-2).map(({ weight: { data } }) => data);
  assert(one[0] !== two[0]);
  const variance = mean(Array.from(one, (value) => value ** 2));
  // Three standard errors of a variance of 512² values.
  assertAlmostEquals(variance, 1, 3 * Math.sqrt(2) / 512);
});

Deno.test("chance is what Marchenko and Pastur leave of noise beyond a rank, and nothing beyond the full rank", () => {
  const rest = noiseBeyond([64, 1000], [1, 2]);
  assertEquals(noiseBeyond([64, 1000], [1, 2]), rest);
  assertEquals(rest.at(-1), 0); // r = 64
  // σ₁² of (m, n) noise is near (√m + √n)², of a norm² of m n; its fluctuations are a few percent.
  const largest = (Math.sqrt(64) + Math.sqrt(1000)) ** 2 / 64e3;
  assertAlmostEquals(rest[0], Math.sqrt(1 - largest), 0.1 * largest);
  assert(rest[0] > rest[1] && rest[1] > rest[2]);
});

Deno.test("rows begin at the error of quantizing, and of normal values chance is what T = 1 leaves", async () => {
  const rows = await loftqRows(context()), matrices = await matricesOf(context());
  assertEquals(rows.length, ranks.length * matrices.length);
  for (const { matrix, weight } of matrices) {
    const own = rows.filter((row) => row.matrix === matrix), W = denseOf(weight);
    const Q = denseOf(dequantize(quantize(weight)));
    for (const { errors, shape } of own) {
      assertEquals(errors.length, iterations.at(-1)! + 1);
      assertEquals(shape, weight.shape);
      assertAlmostEquals(errors[0], frobeniusNorm(difference(W, Q)) / frobeniusNorm(W), 1e-12);
    }
  }
  for (const { kind, rank, errors, chance } of rows) {
    // What normal values lose is not normal, but as many values with no order have a spectrum that is much the same.
    if (kind === "normal" && rank <= 16) assertAlmostEquals(errors[1] / chance, 1, 0.02);
  }
});

Deno.test("loftq stops where the job is stopped", async () => {
  const signal = AbortSignal.abort(new Error("stopped"));
  await assertRejects(() => loftqErrors.run({ ...context(), signal }), Error, "stopped");
});
