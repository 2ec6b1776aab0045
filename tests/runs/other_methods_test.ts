/** Runs of other methods than LoRA alone: BitFit, starts at the weights, LoRA+. */

import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import {
  injectBitFit,
  injectLora,
  loraPlusGroups,
  loraPreconditioner,
} from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter, readSafetensors } from "../../src/formats/mod.ts";
import { allocateModel } from "../../src/models/mod.ts";
import {
  allocateMethod,
  applyMethod,
  type MethodSpec,
  run,
  runFiles,
  type RunSpec,
  type TrainingSpec,
} from "../../src/runs/mod.ts";
import { trainingGroups, trainingPreconditioner } from "../../src/runs/spec.ts";
import { adamW, train } from "../../src/train/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { randomBatches, tinyModel } from "../train/fixtures.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

Deno.test("run: an adapter of any method is trained and saved", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(5), live = device.ledger.read().live;
    const adapt = (model: Parameters<typeof injectBitFit>[0]) =>
      Promise.resolve(injectBitFit(model));
    const { log } = await run(spec, { ...tinyOptions(folder, device), adapt });
    assertEquals(log.loss.length, 5);
    const { adapter } = await runFiles(folder, spec);
    const { tensors } = await readSafetensors(`${adapter}/adapter_model.safetensors`);
    assert([...tensors.keys()].every((name) => name.endsWith(".bias")));
    assertEquals(device.ledger.read().live, live);
  }));

for (const init of ["pissa", "olora"] as const) {
  Deno.test(`run: LoRA that begins at the weights (${init}) is trained, saved and predicted`, () =>
    withFolder(async (folder) => {
      using device = await openCpuDevice({ threads: 1 });
      const method = { kind: "lora", rank: 2, sites: ["q", "v"], init } as const;
      const spec = { ...tinySpec(5), method };
      const { log: { loss } } = await run(spec, tinyOptions(folder, device));
      using other = await openCpuDevice({ threads: 1 });
      const plain = await run({ ...spec, method: { ...method, init: "kaiming" } }, {
        ...tinyOptions(folder, other),
      });
      assertAlmostEquals(loss[0], plain.log.loss[0], 1e-5); // Both begin at the base.
      assertNotEquals(loss[4], plain.log.loss[4]);
      const { adapter } = await runFiles(folder, spec);
      const { config, updates } = await readAdapter(adapter);
      assertEquals([config.rank, updates[0].A.shape[0]], [8, 4]); // Converted: each site's is twice its rank.
      using model = tinyModel(other);
      const before = other.ledger.read().byRole.adapter;
      using real = (await applyMethod(model, method, 1))!;
      const bytes = other.ledger.read().byRole.adapter - before;
      real.remove();
      using dry = new DryDevice();
      using shape = allocateModel(dry, model.configJson());
      using _ = allocateMethod(shape, method, 1);
      assertEquals(dry.ledger.read().byRole.adapter, bytes);
    }));
}

Deno.test("full fine-tuning takes no option of another method", async () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const method = { kind: "full", rank: 8 } as unknown as MethodSpec;
  const message = 'full fine-tuning takes no options, found "rank"';
  assertThrows(() => allocateMethod(model, method, 1), TypeError, message);
  await assertRejects(() => applyMethod(model, method, 1), TypeError, message);
  assertEquals(allocateMethod(model, { kind: "full" }, 1), undefined);
});

const training: TrainingSpec = { learningRate: 1e-3, steps: 6, weightDecay: 0.1 };

const specOf = (more: Partial<TrainingSpec>): RunSpec => ({
  ...tinySpec(6, { kind: "lora", rank: 2, sites: ["q", "v"] }),
  training: { ...training, ...more },
});

Deno.test("a run with a ratio takes the steps of the groups of LoRA+", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const { log } = await run(specOf({ loraPlusRatio: 16 }), tinyOptions(folder, device));
    const { log: plain } = await run(specOf({}), tinyOptions(folder, device));
    const { log: same } = await run(specOf({ loraPlusRatio: 1 }), tinyOptions(folder, device));
    assertEquals(same.loss, plain.loss);
    assertNotEquals(log.loss, plain.loss);
    using model = tinyModel(device);
    using adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 11 });
    const groups = loraPlusGroups(adapter, { learningRate: 1e-3, ratio: 16 });
    const made = train(adapter, randomBatches(5, { seed: 4 }), { ...training, seed: 11, groups });
    assertEquals((await made.finish()).loss, log.loss);
  }));

Deno.test("a run with a rate of modules trained in full takes the steps of two groups", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const method = { kind: "lora", rank: 2, sites: ["q", "v"], modulesToSave: ["ln_f"] } as const;
    const stepsOf = async (more: Partial<RunSpec["training"]>) => {
      const { log } = await run({ ...specOf(more), method }, tinyOptions(folder, device));
      return log.loss;
    };
    const plain = await stepsOf({}), found = await stepsOf({ modulesToSaveRate: 0.1 });
    assertEquals(await stepsOf({ modulesToSaveRate: training.learningRate }), plain);
    assertNotEquals(found, plain);
    using model = tinyModel(device);
    using adapter = injectLora(model, {
      ...{ rank: 2, sites: ["q", "v"], modulesToSave: ["ln_f"], seed: 11 },
    });
    const [saved, own] = [true, false].map((isSaved) =>
      adapter.parameters.filter(({ name }) => name.includes("ln_f") === isSaved)
    );
    const groups = [{ parameters: own, learningRate: training.learningRate }, {
      ...{ parameters: saved, learningRate: 0.1 },
    }];
    const made = train(adapter, randomBatches(5, { seed: 4 }), { ...training, seed: 11, groups });
    assertEquals((await made.finish()).loss, found);
  }));

Deno.test("rates of modules that mean nothing are refused by name", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const spec = { ...training, modulesToSaveRate: 0.1 };
  {
    using lora = injectLora(model, { rank: 2, sites: ["q", "v"] });
    const of = (more: object) => () =>
      trainingGroups(lora, { ...spec, ...more }, { kind: "lora", rank: 2 });
    assertThrows(
      of({}),
      RangeError,
      "modulesToSaveRate needs modules beside an adapter, found none",
    );
    const both = "modulesToSaveRate is not for LoRA+, found loraPlusRatio beside it";
    assertThrows(of({ loraPlusRatio: 16 }), RangeError, both);
  }
  using bitfit = injectBitFit(model);
  const alone = () => trainingGroups(bitfit, spec, { kind: "bitfit" });
  assertThrows(alone, RangeError, "found no other values");
});

Deno.test("a run with a damping takes the steps of preconditioned gradients", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const { log } = await run(specOf({ loraDamping: 0.1 }), tinyOptions(folder, device));
    const { log: plain } = await run(specOf({}), tinyOptions(folder, device));
    assertNotEquals(log.loss, plain.loss);
    using model = tinyModel(device);
    using adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 11 });
    const more = { seed: 11, preconditioner: loraPreconditioner(adapter, 0.1) };
    const made = train(adapter, randomBatches(5, { seed: 4 }), { ...training, ...more });
    assertEquals((await made.finish()).loss, log.loss);
  }));

Deno.test("dampings that mean nothing are refused by name", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  {
    using bitfit = injectBitFit(model);
    const spec = { ...training, loraDamping: 0.1 };
    const message = "loraDamping needs the method lora, found bitfit";
    const of = () => trainingPreconditioner(bitfit, spec, { kind: "bitfit" });
    assertThrows(of, RangeError, message);
  }
  {
    using frozen = injectLora(model, { rank: 2, freezeA: true });
    assertThrows(() => loraPreconditioner(frozen, 0.1), RangeError, "found A frozen on");
  }
  using lora = injectLora(model, { rank: 2 });
  for (const damping of [0, -1, NaN, Infinity, 1e-60]) {
    const preconditioner = loraPreconditioner(lora, damping);
    const make = () => adamW(lora.parameters, { learningRate: 1, preconditioner });
    assertThrows(make, RangeError, `a preconditioner needs damping above 0, found ${damping}`);
  }
  const preconditioner = loraPreconditioner(lora, 0.1), { A } = lora.sites[0];
  const alone = () => adamW([A], { learningRate: 1, preconditioner });
  assertThrows(alone, RangeError, "a preconditioner needs trained factors, found");
});

Deno.test("ratios that mean nothing are refused by name", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using bitfit = injectBitFit(model);
  const of = (more: Partial<TrainingSpec>) => () =>
    trainingGroups(bitfit, { ...training, ...more }, { kind: "bitfit" });
  assertThrows(of({ loraPlusRatio: 4 }), RangeError, "needs the method lora, found bitfit");
  assertThrows(of({ loraPlusEmbeddingRate: 4 }), RangeError, "needs loraPlusRatio, found none");
  assertEquals(of({})(), undefined);
  bitfit.remove();
  using lora = injectLora(model, { rank: 2 });
  for (const ratio of [0, -1, NaN, Infinity]) {
    const rule = `a finite number above 0, found ${ratio}`;
    assertThrows(() => loraPlusGroups(lora, { learningRate: 1, ratio }), RangeError, rule);
  }
});

Deno.test("a run of another method with a ratio leaves nothing behind", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = { ...specOf({ loraPlusRatio: 2 }), method: { kind: "bitfit" } } as const;
    const { live } = device.ledger.read();
    await assertRejects(() => run(spec, tinyOptions(folder, device)), RangeError, "found bitfit");
    assertEquals(device.ledger.read().live, live);
  }));
