/** Learning rates: their schedules, and the rate where none is given, in the library and on the command line. */

import { assertEquals, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { readRequest } from "../../src/cli/commands/train/request.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { allocateMethod, type MethodKind, type MethodSpec } from "../../src/runs/mod.ts";
import {
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  scheduleOf,
} from "../../src/train/mod.ts";
import { settingsOf, targetOf } from "../../src/train/train.ts";
import { tinyModel } from "../adapt/fixtures.ts";
import { assertEveryMethod } from "../methods/every_method.ts";
import { assertAllClose } from "../support/all_close.ts";

const golden = new URL("../golden/trajectories/", import.meta.url);
const read = async (name: string) => JSON.parse(await Deno.readTextFile(new URL(name, golden)));

for (const run of ["full_linear", "full_cosine"]) {
  Deno.test(`schedule: ${run} has the learning rates of transformers`, async () => {
    const { schedule, steps, warmupSteps, learningRate } = await read(`${run}.config.json`);
    const factor = scheduleOf(schedule, { steps, warmupSteps });
    const rates = Array.from({ length: steps }, (_, step) => learningRate * factor(step));
    const { learningRate: expected } = await read(`${run}.log.json`);
    assertAllClose(rates, expected, { relative: 1e-15, absolute: 0 });
  });
}

Deno.test("schedule: a warm-up starts at 0 and reaches 1, a descent ends at its floor and stays", () => {
  const options = { steps: 20, warmupSteps: 4, floor: 0.05 };
  for (const schedule of [linearSchedule(options), cosineSchedule(options)]) {
    assertEquals([0, 1, 2, 4].map(schedule), [0, 0.25, 0.5, 1]);
    assertAllClose([schedule(12), schedule(20), schedule(99)], [0.525, 0.05, 0.05]);
  }
  assertEquals([0, 1, 2, 1000].map(constantSchedule({ warmupSteps: 2 })), [0, 0.5, 1, 1]);
});

Deno.test("schedule: without warm-up the first step has the full rate", () => {
  for (const name of ["constant", "linear", "cosine"] as const) {
    assertEquals(scheduleOf(name, { steps: 10 })(0), 1);
  }
});

Deno.test("schedule: counts of steps are whole numbers, and a floor is one", () => {
  for (const wrong of [NaN, -1, 1.5, 2 ** 53]) {
    const rule = "to be a whole number, 0 or more, found";
    for (const name of ["constant", "linear", "cosine"] as const) {
      assertThrows(
        () => scheduleOf(name, { steps: 10, warmupSteps: wrong }),
        RangeError,
        `a schedule needs warmupSteps ${rule} ${wrong}`,
      );
    }
    assertThrows(() => cosineSchedule({ steps: wrong }), RangeError, `steps ${rule} ${wrong}`);
  }
  for (const floor of [NaN, -0.1, Infinity]) {
    assertThrows(() => linearSchedule({ steps: 1, floor }), RangeError, `found ${floor}`);
  }
});

Deno.test("schedule: an unknown name is named", () => {
  const name = "step" as "linear";
  assertThrows(
    () => scheduleOf(name, { steps: 1 }),
    RangeError,
    'constant, linear or cosine, found "step"',
  );
});

/** Specifications of scaling 1, and by how much the rate is that of an adapter. */
const specs: readonly (readonly [MethodSpec, times: number])[] = [
  [{ kind: "full" }, 0.1],
  [{ kind: "top-layers", layers: 1 }, 0.1],
  [{ kind: "lora", rank: 2 }, 1],
  [{ kind: "bottleneck", size: 2 }, 1],
  [{ kind: "lora+prefix-embedding", rank: 2, length: 2 }, 1],
  [{ kind: "lora+prefix-layer", rank: 2, length: 2 }, 1],
  [{ kind: "bitfit" }, 4],
  [{ kind: "vera", rank: 4 }, 10],
  [{ kind: "ia3" }, 10],
  [{ kind: "tinylora" }, 10],
  [{ kind: "subspace" }, 10],
  [{ kind: "prefix-embedding", length: 2 }, 10],
  [{ kind: "prefix-layer", length: 2 }, 10],
  [{ kind: "prefix-tuning", length: 2 }, 10],
  [{ kind: "bitfit", modulesToSave: ["wte"] }, 1],
  [{ kind: "vera", rank: 4, modulesToSave: ["wte"] }, 1],
  [{ kind: "prefix-layer", length: 2, modulesToSave: ["wte"] }, 1],
];

Deno.test("vectors and biases alone take more than an adapter, the model's own weights a tenth", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const [, width] = model.linears[0].weight.shape;
  const kinds = specs.map(([{ kind }]) => kind);
  assertEveryMethod("`specs` of tests/train/learning_rate_test.ts", kinds);
  for (const [spec, times] of specs) {
    using adapter = allocateMethod(model, spec, 1);
    // Of a model whose table is trained, who trains it is not known.
    const targets = !adapter ? [model] : "modulesToSave" in spec ? [adapter] : [adapter, model];
    for (const what of targets) {
      const { learningRate } = settingsOf(targetOf<never>(what), [], {});
      const expected = Number((times * 1.28 / width).toPrecision(2));
      assertEquals([spec, learningRate], [spec, expected]);
    }
  }
  using _prefix = allocateMethod(model, { kind: "prefix-layer", length: 2 }, 1);
  using _lora = injectLora(model, { rank: 2, onTop: true });
  const { learningRate } = settingsOf(targetOf<never>(model), [], {});
  assertEquals(learningRate, Number((1.28 / width).toPrecision(2)), "beside LoRA");
});

/** The rate that `train` takes for a file of texts. */
async function rateFor(method: MethodKind, model: string, data: string): Promise<number> {
  const options = { model: `models/${model}`, data: `examples/${data}`, output: "unused", seed: 1 };
  const { spec } = await readRequest({ ...options, method } as Parameters<typeof readRequest>[0]);
  return spec.training.learningRate;
}

Deno.test("the command line takes the same rates, and an adapter's beside a new head", async () => {
  const vectors = (["vera", "ia3", "prefix-layer"] as const).map((kind) => [kind, 0.05] as const);
  for (const [kind, rate] of [["bitfit", 0.02] as const, ...vectors]) {
    assertEquals(await rateFor(kind, "tiny-gpt2", "alarms.jsonl"), rate);
    assertEquals(await rateFor(kind, "tiny-roberta", "kinds.jsonl"), 0.01);
  }
  assertEquals(await rateFor("lora", "tiny-gpt2", "alarms.jsonl"), 0.005);
});
