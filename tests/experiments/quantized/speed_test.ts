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
} from "../../../experiments/quantized/speed/product.ts";
import {
  control,
  quantizedStep,
  stepTimeClaims,
  type StepTimeRow,
} from "../../../experiments/quantized/speed/step.ts";
import { timeInTurns } from "../../../experiments/quantized/speed/turns.ts";
import { stepMethods } from "../../../experiments/quantized/steps.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { plotSvg } from "../../../src/figures/static_svg.ts";
import { figureFaults } from "../../support/figure_rules.ts";

const [isFast] = stepTimeClaims, [isFaster, isSame] = productClaims;
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
  return [
    row(stepMethods[1].label, 100),
    row(control.label, times.control ?? 100),
    row(stepMethods[4].label, times.qlora),
  ];
}

Deno.test("a step of QLoRA may take 1.3 times as long as LoRA's on every model", () => {
  const rows = (qlora: number) => [...stepsOf("a", { qlora: 90 }), ...stepsOf("b", { qlora })];
  assertEquals(isFast.holds(rows(130)), true);
  assertEquals(isFast.holds(rows(131)), false);
});

Deno.test("a control that is more than 5% off is named, and does not change the verdict", () => {
  const found = (control: number) => isFast.found!(stepsOf("a", { qlora: 100, control }));
  for (const off of [94, 106]) assertStringIncludes(found(off), "cannot tell");
  for (const near of [96, 104]) assert(!found(near).includes("cannot tell"));
  assertEquals(isFast.holds(stepsOf("a", { qlora: 100, control: 200 })), true);
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

Deno.test("the chosen way may take 1.25 times as long as the faster one", () => {
  assertEquals(isFaster.holds([product({}), product({ chosen: 5 })]), true);
  assertEquals(isFaster.holds([product({}), product({ chosen: 5.01 })]), false);
  assertEquals(isFaster.holds([product({ scratch: 2, chosen: 3 })]), false);
});

Deno.test("a product in F32 that twice differs by more than 25% is named, and does not change the verdict", () => {
  const off = [product({}), product({ again: 1.3 })], near = [product({ again: 0.81 })];
  assertStringIncludes(isFaster.found!(off), "differs by up to 30%, so that this run");
  assert(!isFaster.found!(near).includes("cannot tell"));
  assertEquals([off, near].map(isFaster.holds), [true, true]);
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
    const { findings, figures } = await experiment.run(context);
    assertEquals(device.ledger.read().live, before);
    assertEquals(findings[0].verdict, "not judged (quick run)");
    for (const { verdict } of findings.slice(1)) assertEquals(verdict, "holds");
    for (const figure of figures) {
      assertEquals(figureFaults(figure), [], figure.id);
      assertMatch(await plotSvg(figure), /^<svg/);
    }
  });
}
