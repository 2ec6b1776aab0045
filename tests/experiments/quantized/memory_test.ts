/** `quantized-memory`: measured and predicted bytes, and the rules of decision 0033 at their edges. */

import { assertEquals } from "@std/assert";
import {
  labels,
  type LargeRow,
  largeRows,
  measureStep,
  memoryClaims,
  type MemoryRows,
  type StepRow,
} from "../../../experiments/quantized/memory.ts";
import {
  predictStep,
  runningModels,
  stepMethods,
} from "../../../experiments/quantized/training_steps.ts";
import { evaluateFormula } from "../../../src/accounting/mod.ts";
import { architectureOf } from "../../../src/architectures/mod.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";

const [isPredicted, takesLeast, fits, bits, base7b] = memoryClaims;
const large = await largeRows(), shapes = await runningModels(), [small] = shapes;

Deno.test("LLaMA's and GPT-3's parameters are those that are published", () => {
  const counted = new Map(large.map(({ model, parameters }) => [model, parameters]));
  assertEquals(Object.fromEntries(counted), {
    "LLaMA 7B": 6_738_415_616,
    "LLaMA 13B": 13_015_864_320,
    "LLaMA 33B": 32_528_943_616,
    "LLaMA 65B": 65_285_660_672,
    "GPT-3 175B": 174_604_259_328,
  });
});

Deno.test("a base in 4 bits holds the bytes of the formula, and what its codes stand for", () => {
  for (const shape of shapes) {
    const matrices = architectureOf(shape.config).linears.filter(({ kind }) => kind === "linear");
    for (const [base, name, tables] of quantizedBases) {
      const method = stepMethods.find((method) => method.base === base)!;
      const expected = matrices.reduce((sum, { inputs, outputs }) => {
        const values = {
          P_q: inputs * outputs,
          B_q: 64,
          ...name.endsWith("Double") && { B_s: 256 },
        };
        return sum + Number(evaluateFormula(name, values)) + tables;
      }, 0);
      const { peakByRole } = predictStep(shape, method);
      assertEquals(peakByRole.quantized, expected, `${shape.model}, ${base}`);
    }
  }
});

const quantizedBases = [
  ["NF4", "frozenBytesNf4", 4 * 16],
  ["NF4, double", "frozenBytesNf4Double", 4 * (16 + 256)],
] as const;

Deno.test("on the cpu device every step takes the predicted bytes, whatever was there before", async () => {
  using device = await openCpuDevice({ threads: 2 });
  using _ = device.allocate([1000], "f32", "scratch", "of others");
  const before = device.ledger.read().live;
  for (const method of stepMethods) {
    const measured = await measureStep(device, small, method);
    const { peak, peakByRole } = predictStep(small, method);
    assertEquals([measured.peak, measured.peakByRole], [peak, peakByRole], method.label);
    assertEquals(device.ledger.read().live, before);
  }
});

/** Rows whose steps have these peaks, measured as predicted. */
function rowsOf(peaks: readonly number[], measured = peaks): MemoryRows {
  const none = { weight: 0, quantized: 0, adapter: 0, gradient: 0, optimizer: 0, scratch: 0 };
  const bytes = (peak: number) => ({ peak, peakByRole: { ...none, activation: peak } });
  const steps = stepMethods.map((method, i): StepRow => {
    const found = { predicted: bytes(peaks[i]), measured: bytes(measured[i]) };
    return { model: "m", batch: "1 x 1", method, ...found };
  });
  return { steps, large };
}

/** The rows with the bytes of one large model changed. */
function changed(model: string, label: string, change: (row: LargeRow) => Partial<LargeRow>) {
  const rows = large.map((row) =>
    row.model === model && row.label === label ? { ...row, ...change(row) } : row
  );
  return { ...rowsOf([5, 4, 3, 2, 1]), large: rows } satisfies MemoryRows;
}

Deno.test("one byte that was not predicted breaks the first rule", () => {
  assertEquals(isPredicted.holds(rowsOf([5, 4, 3, 2, 1])), true);
  assertEquals(isPredicted.holds(rowsOf([5, 4, 3, 2, 1], [5, 4, 3, 2, 2])), false);
  const unmeasured = rowsOf([5, 4, 3, 2, 1]).steps.map((row) => ({ ...row, measured: undefined }));
  assertEquals(isPredicted.holds({ steps: unmeasured, large }), false);
});

Deno.test("QLoRA must take less than each of the others", () => {
  assertEquals(takesLeast.holds(rowsOf([5, 4, 3, 9, 2])), true);
  for (const peaks of [[2, 4, 3, 9, 2], [5, 2, 3, 9, 2], [5, 4, 2, 9, 2]]) {
    assertEquals(takesLeast.holds(rowsOf(peaks)), false, `${peaks}`);
  }
});

Deno.test("65B must take more than 780 GB in full and less than 48 GB with QLoRA", () => {
  const at = (label: string, total: number) => changed("LLaMA 65B", label, () => ({ total }));
  assertEquals(fits.holds(at(labels.qlora, 48e9 - 1)), true);
  assertEquals(fits.holds(at(labels.qlora, 48e9)), false);
  assertEquals(fits.holds(at(labels.full, 780e9 + 1)), true);
  assertEquals(fits.holds(at(labels.full, 780e9)), false);
});

Deno.test("bits must be 4.500 and 4.127, and what is saved 3 GB", () => {
  const at = (label: string, change: Partial<LargeRow>) =>
    changed("LLaMA 65B", label, () => change);
  assertEquals(bits.holds(at(labels.qlora, { bits: 4.1274 })), true);
  assertEquals(bits.holds(at(labels.qlora, { bits: 4.1276 })), false);
  assertEquals(bits.holds(at(labels.single, { bits: 4.5006 })), false);
  const more = changed("LLaMA 65B", labels.single, ({ byRole }) => {
    return { byRole: { ...byRole, quantized: byRole.quantized + 0.6e9 } };
  });
  assertEquals(bits.holds(more), false);
});

Deno.test("a base of 5,048 MB may be so in either unit", () => {
  const of = (bytes: number) =>
    changed("LLaMA 7B", labels.qlora, () => ({ byRole: { weight: 0, quantized: bytes } }));
  for (const bytes of [5048e6, 5048 * 2 ** 20]) assertEquals(base7b.holds(of(bytes)), true);
  for (const bytes of [5049e6, 5047 * 2 ** 20]) assertEquals(base7b.holds(of(bytes)), false);
});
