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
} from "../../../experiments/quantized/product.ts";
import {
  control,
  quantizedStep,
  stepTimeClaims,
  type StepTimeRow,
} from "../../../experiments/quantized/step.ts";
import { timeInTurns } from "../../../experiments/frame/turns.ts";
import { stepMethods } from "../../../experiments/quantized/training_steps.ts";
import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { plotSvg } from "../../../src/figures/still.ts";
import { ratioOf } from "../../../experiments/frame/mod.ts";
import { notQuiet, tooNear } from "../../../src/paper/claim.ts";
import { figureFaults } from "../../support/figure_rules.ts";
import { turnTimes } from "../turn_times.ts";

const { signal } = new AbortController();

Deno.test("work takes turns, each begins as often as the others, and a first round warms up", async () => {
  const order: string[] = [];
  const work = ["a", "b", "c"].map((name) => () => Promise.resolve(order.push(name)));
  const times = await timeInTurns(work, 2, signal);
  assertEquals(order.join(""), "abcbcacab");
  assertEquals(times.map(({ rounds }) => rounds), [2, 2, 2]);
  for (const { minimum, median, each } of times) {
    assert(minimum >= 0 && minimum <= median && each.length === 2 && minimum === Math.min(...each));
  }
});

Deno.test("timing stops where the job is stopped", async () => {
  const stopped = AbortSignal.abort(new Error("stopped"));
  await assertRejects(() => timeInTurns([() => Promise.resolve()], 1, stopped), Error, "stopped");
});

/** Times of one model: LoRA takes 100 ms. */
function stepsOf(model: string, times: { qlora: number; control?: number }): StepTimeRow[] {
  const row = (label: string, time: number): StepTimeRow => {
    return { model, batch: "1 x 1", label, ...turnTimes(time) };
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

const [isFast] = stepTimeClaims;

Deno.test("a step of QLoRA may take 1.3 times as long as LoRA's on every model", () => {
  const rows = (qlora: number) => [...stepsOf("a", { qlora: 90 }), ...stepsOf("b", { qlora })];
  assertEquals([123, 124, 136, 137].map((time) => isFast.holds(rows(time))), [
    ...[true, tooNear, tooNear, false],
  ]);
});

Deno.test("a step is not judged if the control of one model is more than 5% off", () => {
  const rows = (control: number) => [
    ...stepsOf("a", { qlora: 100 }),
    ...stepsOf("b", { qlora: 100, control }),
  ];
  for (const off of [95, 106]) {
    assertEquals(isFast.holds(rows(off)), notQuiet);
    assertStringIncludes(isFast.found!(rows(off)), `The control took ${(off / 100).toFixed(2)} (`);
  }
  for (const near of [96, 104]) assertEquals(isFast.holds(rows(near)), true);
});

/** A product that takes 4 ms by codes, 8 by scratch and as long as said by the chosen way. */
function product(chosen = 4, { scratch = 8, again = 1, difference = 0 } = {}): ProductRow {
  const [byCodes, byScratch, time, plain, control] = [4, scratch, chosen, 1, again]
    .map((time) => turnTimes(time).each);
  return {
    ...{ shape: "1 x 1", count: 1, codes: 4, scratch, chosen, plain: 1, difference },
    slower: [ratioOf(time, byCodes), ratioOf(time, byScratch)],
    control: ratioOf(control, plain),
  };
}

const [isFaster, isSame] = productClaims;

Deno.test("the chosen way may take 1.25 times as long as the faster one", () => {
  const judged = (chosen: number) => isFaster.holds([product(), product(chosen)]);
  assertEquals([4.54, 4.56, 5.49, 5.51].map(judged), [true, tooNear, tooNear, false]);
  assertEquals(isFaster.holds([product(3, { scratch: 2 })]), false);
  assertEquals(
    isFaster.ours!([product(), product(3, { scratch: 2 })]),
    "at most 1.50 times as long",
  );
});

Deno.test("times of products are not judged if one in F32 again differs by more than 10%", () => {
  const judged = (again: number) => isFaster.holds([product(), product(4, { again })]);
  assertEquals([0.9, 0.92, 1.09, 1.11].map(judged), [notQuiet, true, true, notQuiet]);
  assertStringIncludes(isFaster.found!([product(4, { again: 1.3 })]), "The control took 1.30");
});

Deno.test("both ways may differ by 1e-5", () => {
  assertEquals(isSame.holds([product(4, { difference: 1e-5 })]), true);
  assertEquals(isSame.holds([product(), product(4, { difference: 1.1e-5 })]), false);
});

for (const experiment of [quantizedStep, fourBitProduct]) {
  Deno.test(`${experiment.name}, quick: it runs, times are not judged, and figures have words`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    const before = device.ledger.read().live, report = () => {};
    const context = { device, seeds: [1], quick: true, full: false, out: "", signal, report };
    const { findings, figures } = await experiment.run(context);
    assertEquals(device.ledger.read().live, before);
    const expected = ["not judged (quick run)", ...experiment === fourBitProduct ? ["holds"] : []];
    assertEquals(findings.map(({ verdict }) => verdict), expected);
    for (const figure of figures) {
      assertEquals(figureFaults(figure), [], figure.id);
      assertMatch(await plotSvg(figure), /^<svg/);
    }
  });
}
