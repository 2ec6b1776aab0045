/** LoRA+ over widths: students with two rates, and the rules on planted rows. */

import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { loraPlusHere, loraPlusWidths } from "../../experiments/lora_plus/lora_plus.ts";
import { bestRatio, edgeOf, gains, standardError } from "../../experiments/lora_plus/read.ts";
import {
  lengths,
  type RatioRow,
  ratios,
  widthRows,
  widths,
} from "../../experiments/lora_plus/search.ts";
import { lessonOf, lossLeft } from "../../experiments/lora_plus/student.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";

Deno.test("without steps all of the loss is left, and with both rates 0 too", async () => {
  using device = await openCpuDevice({ blas: false });
  const { live } = device.ledger.read();
  for (const examples of ["few", "many"] as const) {
    using lesson = lessonOf(device, { width: 64, examples, seed: 1 });
    const left = (steps: number, rates: { A: number; B: number }) =>
      lossLeft(lesson, { rates, steps, seed: 2 });
    assertAlmostEquals(await left(0, { A: 1, B: 1 }), 1, 1e-5);
    assertAlmostEquals(await left(3, { A: 1, B: 0 }), 1, 1e-5); // B stays at 0.
    assert(await left(50, { A: 0.03, B: 0.03 }) < 0.3);
  }
  assertEquals(device.ledger.read().live, live);
});

Deno.test("a search ends with worse rates around its best, and a ratio's rates are its square roots apart", async () => {
  using device = await openCpuDevice({ blas: false });
  const options = { examples: "few", width: 64, seed: 5 } as const;
  const rows = await widthRows(device, { ...options, lengths: [lengths[0]] });
  assertEquals(rows.map(({ ratio }) => ratio), [...ratios]);
  using lesson = lessonOf(device, { width: 64, examples: "few", seed: 9_050_128 });
  const { ratio, rate, loss } = rows[3];
  const at = (rate: number) => {
    const rates = { A: rate / Math.sqrt(ratio), B: rate * Math.sqrt(ratio) };
    return lossLeft(lesson, { rates, steps: lengths[0], seed: 10_050_128 });
  };
  assertAlmostEquals(await at(rate), loss, 1e-4 * loss);
  for (const factor of [Math.SQRT1_2, Math.SQRT2]) assert(await at(rate * factor) > loss);
});

/** Rows of all cells, by their loss, with a rate that the ratio does not change; seeds differ by a little. */
const planted = (loss: (row: Omit<RatioRow, "loss" | "rate" | "tried">) => number): RatioRow[] =>
  (["few", "many"] as const).flatMap((examples) =>
    widths.flatMap((width) =>
      lengths.flatMap((steps) =>
        [1, 2, 3].flatMap((seed) =>
          ratios.map((ratio) => {
            const row = { examples, width, steps, seed, ratio };
            const noise = 1 + 0.01 * Math.cos(seed * width + seed);
            return { ...row, loss: noise * loss(row), rate: 0.01, tried: 8 };
          })
        )
      )
    )
  );

const verdicts = ({ claims }: typeof loraPlusWidths, rows: readonly RatioRow[]) =>
  claims.map((claim) => claim.holds(rows));

/** The world of LoRA+: the best ratio is a sixteenth of the width, and half of the steps are enough there. */
const plus = planted(({ width, ratio, steps }) => {
  const off = Math.log2(ratio * 16 / width);
  return (1 + off ** 2) * (off === 0 ? 50 / steps : 2) / 100;
});

/** Ours: nothing but an edge, at the width for few examples and at its root for many. */
const plateau = planted(({ examples, width, ratio, steps }) => {
  const edge = examples === "few" ? width : Math.sqrt(width);
  return (1 + ratio / edge) / (1 + 1 / edge) / steps ** 2;
});

Deno.test("the world of LoRA+ passes its three rules and fails that of a plateau; a plateau does the opposite", () => {
  assertEquals(verdicts(loraPlusWidths, plus).slice(0, 4), [true, true, true, false]);
  assertEquals(verdicts(loraPlusWidths, plateau), [false, false, false, true, true, true]);
  assertEquals(verdicts(loraPlusHere, plus), [false]);
  assertEquals(verdicts(loraPlusHere, plateau), [true]);
});

Deno.test("an edge is between two ratios by logs, and none is where no loss is twice that of one rate", () => {
  const rows = (loss: (ratio: number) => number) =>
    ratios.map((ratio) => ({ ...plus[0], ratio, loss: loss(ratio) }));
  assertAlmostEquals(edgeOf(rows((ratio) => Math.max(1, ratio / 50))), 100, 1e-9);
  assertEquals(edgeOf(rows(() => 1)), NaN);
  assertEquals(bestRatio(rows((ratio) => Math.abs(Math.log(ratio / 60)))), 64);
});

Deno.test("no seed chooses the ratio by which it is judged", () => {
  // Each seed is best at a ratio of its own, where it has a tenth of the loss.
  const rows = plus.map((row) => ({ ...row, loss: row.ratio === 4 ** row.seed ? 0.1 : 1 }));
  const found = gains(rows, { examples: "few", width: 64 });
  assertEquals(found, [0, 0, 0]);
  assertAlmostEquals(standardError([1, 2, 3]), Math.sqrt(1 / 3), 1e-12);
});
