/** Names, exponents and tables of `deno task bench:scale`; nothing is timed here. */

import { assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { machineName } from "../../bench/environment.ts";
import { countSpectra, countStep } from "../../bench/scale/count.ts";
import { scaleFigure } from "../../bench/scale/figure.ts";
import { exponentOf, type ScaleResult, type Series } from "../../bench/scale/result.ts";
import {
  middleStep,
  middleUpdate,
  type StepSize,
  type StepSweep,
  sweepNamed,
  sweeps,
} from "../../bench/scale/sweeps.ts";
import { scaleTable } from "../../bench/scale/table.ts";

Deno.test("a machine's name counts cores, not chips", () => {
  const named = (count: number, model: string) => machineName(Array(count).fill({ model }));
  assertEquals(named(2, "AMD EPYC "), "2 cores of an AMD EPYC");
  assertEquals(named(1, "Xeon"), "1 core of a Xeon");
});

const stepSweeps = sweeps.filter((sweep): sweep is StepSweep => "at" in sweep);

Deno.test("an exponent is that of a power, of the upper half alone", () => {
  const values = [1, 2, 3, 4, 6, 8, 12, 16];
  assertAlmostEquals(exponentOf(values.map((n) => [n, 5 * n ** 1.5])), 1.5, 1e-12);
  // Below the geometric mean, 4, anything may be.
  assertAlmostEquals(exponentOf(values.map((n) => [n, n < 4 ? 1000 : n ** 2])), 2, 1e-12);
  assertAlmostEquals(exponentOf(values.map((n) => [n, 7])), 0, 1e-12);
});

/** Of queries, keys and values in causal attention, forward and backward. */
const attention = ({ layers, batch, time, width }: StepSize) =>
  7 * layers * batch * width * time * (time + 1);

/** Gradients that LoRA does not need: those of the first block's input. */
const inputGradients = ({ batch, time, width, rank }: StepSize) =>
  2 * batch * time * width * (3 * width + rank);

Deno.test("a step launches the formulas' arithmetic and attention's", async () => {
  for (const { name, values, at, methods } of stepSweeps) {
    const size = { ...middleStep, ...at(values[4]) };
    for (const method of methods) {
      const { flops, formulaFlops } = await countStep(size, method);
      const left = method === "lora" ? inputGradients(size) : 0;
      assertEquals(flops, formulaFlops + attention(size) - left, `${name}, ${method}`);
    }
  }
});

Deno.test("the bytes that a step needs are those of the closed formulas, where updates are alike", async () => {
  for (const { name, values, at, methods } of stepSweeps) {
    for (const method of methods) {
      const { step } = await countStep({ ...middleStep, ...at(values[1]) }, method);
      assertEquals(step!.formulaBytes, name === "modules" ? undefined : step!.bytes.peak, name);
    }
  }
});

/** Times that are the arithmetic's, at 1 GFLOP/s. */
async function madeUp(): Promise<ScaleResult> {
  const width = sweepNamed("width") as StepSweep, spectra = sweepNamed("spectra-modules");
  const points: Series["points"][number][] = [];
  for (const value of width.values) {
    const count = await countStep({ ...middleStep, ...width.at(value) }, "lora");
    points.push({ value, ms: count.flops / 1e6, bytes: count.step!.bytes, count });
  }
  const others = spectra.values.map((modules) => {
    const count = countSpectra({ ...middleUpdate, modules });
    return { value: modules, ms: 10 * Math.sqrt(modules), count };
  });
  return {
    ...{ date: "2026-01-01", deno: "2.9.6", machine: "made up", note: "", rounds: 1 },
    devices: { "steps, blas": "none" },
    series: [
      { sweep: "width", work: "lora", variant: "blas", points, resident: 1e8 },
      { sweep: "spectra-modules", work: "spectra", variant: "cpu", points: others },
    ],
  };
}

Deno.test("table and figure have the exponents of both beside each other", async () => {
  const result = await madeUp(), table = scaleTable(result), figure = await scaleFigure(result);
  assertMatch(
    table,
    /\| width, 64 to 768 \| LoRA, cpu with BLAS \| 1\.90 \| 1\.90 \| 1\.92 \| 2 \|/,
  );
  assertMatch(table, /\| updates, 1 to 64 \| spectra, own code \| 0\.50 \| 1\.00 \| 1\.00 \| 1 \|/);
  assertMatch(table, /what `dry` predicts to the byte at all 7 points/);
  for (const exponent of ["1.90", "0.50"]) {
    assertMatch(figure, new RegExp(`<tspan[^>]*>${exponent}</tspan>`), exponent);
  }
  assertMatch(figure, /\(theory 1\.90\)/);
});

Deno.test("the table names the points at which the ledger is not as predicted", async () => {
  const result = await madeUp(), [{ points, ...series }] = result.series;
  const more = points.map((point, i) => {
    return i === 1 ? { ...point, bytes: { ...point.bytes!, peak: point.bytes!.peak + 4 } } : point;
  });
  const table = scaleTable({ ...result, series: [{ ...series, points: more }] });
  assertMatch(table, /NOT what `dry` predicts at 1 of 7 points: width 128, LoRA/);
});
