/** `quantized-step` and `four-bit-product`: taking turns, and the rules of decision 0033 at their edges. */

import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  fourBitProduct,
  productClaims,
  type ProductRow,
  productSettings,
} from "../../../experiments/quantized/speed/product.ts";
import {
  control,
  quantizedStep,
  stepTimeClaims,
  type StepTimeRow,
  stepTimeSettings,
} from "../../../experiments/quantized/speed/step.ts";
import { timeInTurns } from "../../../experiments/quantized/speed/turns.ts";
import { stepMethods } from "../../../experiments/quantized/steps.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { plotSvg } from "../../../src/figures/static_svg.ts";
import { figureFaults } from "../../support/figure_rules.ts";

const { signal } = new AbortController();

Deno.test("work takes turns, each begins as often as the others, and a first round warms up", async () => {
  const order: string[] = [];
  const work = ["a", "b", "c"].map((name) => () => Promise.resolve(order.push(name)));
  const times = await timeInTurns(work, 2, signal);
  assertEquals(order.join(""), "abcbcacab");
  assertEquals(times.map(({ rounds }) => rounds), [2, 2, 2]);
  for (const { minimum, median } of times) assert(minimum >= 0 && minimum <= median);
});

Deno.test("timing stops where the job is stopped", async () => {
  const stopped = AbortSignal.abort(new Error("stopped"));
  await assertRejects(() => timeInTurns([() => Promise.resolve()], 1, stopped), Error, "stopped");
});

/** Times of one model: LoRA takes 100 ms. */
function stepsOf(model: string, times: { qlora: number; control?: number }): StepTimeRow[] {
  const row = (label: string, minimum: number): StepTimeRow => {
    return { model, batch: "1 x 1", label, minimum, median: minimum, rounds: 1 };
  };
  const [, lora, , , qlora] = stepMethods.map(({ label }) => label);
  return [
    row(lora, 100),
    row(control.label, times.control ?? 100),
    row(qlora, times.qlora),
    row(`${lora}, checkpoints`, 140),
    row(`${qlora}, checkpoints`, 150),
  ];
}

const [isFast] = stepTimeClaims(stepsOf("a", { qlora: 100 }));

Deno.test("a step of QLoRA may take 1.3 times as long as LoRA's on every model", () => {
  const rows = (qlora: number) => [...stepsOf("a", { qlora: 90 }), ...stepsOf("b", { qlora })];
  assertEquals(isFast.holds(rows(130)), true);
  assertEquals(isFast.holds(rows(131)), false);
});

Deno.test("a step is not judged if the control of one model is more than 5% off", () => {
  const rows = (control: number) => [
    ...stepsOf("a", { qlora: 100 }),
    ...stepsOf("b", { qlora: 100, control }),
  ];
  for (const off of [94, 106]) {
    assertEquals(stepTimeClaims(rows(off)), []);
    const named = `takes ${(off / 100).toFixed(3)} times as long on b (1 x 1), more than 5% off`;
    assertStringIncludes(stepTimeSettings(rows(off)), named);
  }
  for (const near of [96, 104]) {
    assertEquals(stepTimeClaims(rows(near)), [isFast]);
    assert(!stepTimeSettings(rows(near)).includes("not judged"));
  }
});

const product = (row: Partial<ProductRow>): ProductRow => ({
  ...{
    shape: "1 x 1",
    count: 1,
    codes: 4,
    scratch: 8,
    chosen: 4,
    plain: 1,
    again: 1,
    difference: 0,
  },
  ...row,
});

const [isFaster, isSame] = productClaims([product({})]);

Deno.test("the chosen way may take 1.25 times as long as the faster one", () => {
  assertEquals(isFaster.holds([product({}), product({ chosen: 5 })]), true);
  assertEquals(isFaster.holds([product({}), product({ chosen: 5.01 })]), false);
  assertEquals(isFaster.holds([product({ scratch: 2, chosen: 3 })]), false);
});

Deno.test("times of products are not judged if one in F32 twice differs by more than 25%", () => {
  const off = [product({}), product({ again: 1.3 })], near = [product({ again: 0.81 })];
  assertEquals(productClaims(off), [isSame]);
  assertStringIncludes(productSettings(off), "differs by up to 30.0%, more than 25%");
  assertEquals(productClaims(near), [isFaster, isSame]);
  assertStringIncludes(isFaster.found!(near), "differs by up to 23.5%");
  assert(!productSettings(near).includes("not judged"));
});

Deno.test("both ways may differ by 1e-5", () => {
  assertEquals(isSame.holds([product({ difference: 1e-5 })]), true);
  assertEquals(isSame.holds([product({}), product({ difference: 1.1e-5 })]), false);
});

for (const experiment of [quantizedStep, fourBitProduct]) {
  Deno.test(`${experiment.name}, quick: it runs, times are not judged, and figures have words`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    const before = device.ledger.read().live, report = () => {};
    const context = { device, seeds: [1], quick: true, full: false, out: "", signal, report };
    const { findings, figures, settings } = await experiment.run(context);
    assertEquals(device.ledger.read().live, before);
    const expected = experiment === fourBitProduct ? ["holds"] : [];
    // The machine that runs this test may be busy, and a single round has noise.
    if (!settings.includes("times are not judged")) expected.unshift("not judged (quick run)");
    assertEquals(findings.map(({ verdict }) => verdict), expected);
    for (const figure of figures) {
      assertEquals(figureFaults(figure), [], figure.id);
      assertMatch(await plotSvg(figure), /^<svg/);
    }
  });
}
