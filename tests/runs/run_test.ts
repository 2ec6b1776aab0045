import { gpt2ConfigJson } from "../../src/architectures/families/gpt2.ts";
import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import {
  canonicalJson,
  hashOf,
  predictMemory,
  readRun,
  run,
  runFiles,
  type RunOptions,
  type RunSpec,
} from "../../src/runs/mod.ts";
import { evaluate, train } from "../../src/train/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { collect, randomBatches, tinyConfig, tinyModel } from "../train/fixtures.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

Deno.test("run: canonical JSON depends on the content alone", () => {
  assertEquals(
    canonicalJson({ b: [1, { d: null, c: "x" }], a: undefined, A: true }),
    '{"A":true,"b":[1,{"c":"x","d":null}]}',
  );
  for (const value of [NaN, Infinity, () => 1, new Map(), 1n, Symbol.iterator]) {
    assertThrows(() => canonicalJson({ a: [value] }), TypeError, "as a[0]");
  }
  assertThrows(() => canonicalJson(NaN), TypeError, "a digest needs JSON values, found NaN");
});

Deno.test("run: the hash knows every field and no order", async () => {
  const spec = tinySpec(5);
  const turned = Object.fromEntries(Object.entries(spec).reverse()) as unknown as RunSpec;
  assertEquals(await hashOf(turned), await hashOf(spec));
  assertEquals((await hashOf(spec)).length, 64);
  const others: RunSpec[] = [
    { ...spec, seed: 12 },
    { ...spec, device: "reference" },
    { ...spec, data: 1 },
    { ...spec, model: "other" },
    { ...spec, method: { kind: "full" } },
    { ...spec, training: { ...spec.training, floor: 0.1 } },
  ];
  const wrong = { ...spec, training: { ...spec.training, steps: NaN } };
  await assertRejects(() => hashOf(wrong), TypeError, "found NaN as spec.training.steps");
  const hashes = await Promise.all([spec, ...others].map(hashOf));
  assertEquals(new Set(hashes).size, hashes.length);
});

Deno.test("run: a LoRA run leaves adapter, log, ledger and metrics, and is read the second time", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const spec = tinySpec(6), options = tinyOptions(folder, device);
    const result = await run(spec, options);
    const files = await runFiles(folder, spec);
    assertEquals(filesIn(result.folder), [
      "adapter",
      "done.json",
      "ledger.json",
      "log.json",
      "metrics.json",
      "spec.json",
      "times.json",
    ]);
    assertEquals(JSON.parse(await Deno.readTextFile(files.times)).ms.length, 6);
    assertEquals(JSON.parse(await Deno.readTextFile(files.spec)), spec);
    assertEquals(Object.keys(result.log), ["loss", "gradientNorm", "learningRate"]);
    assertEquals(result.log.loss.length, 6);
    assertEquals(result.metrics, { kind: "cpu" });
    assertEquals((await readAdapter(files.adapter)).updates.length, 12);
    const nobody = () => {
      throw new Error("a finished run must not be opened");
    };
    assertEquals(await run(spec, { ...options, openModel: nobody, openBatches: nobody }), result);
    assertEquals(await readRun(files, spec), result);
  }));

Deno.test("run: a full run leaves a model", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const spec = tinySpec(3, { kind: "full" });
    const { folder: own } = await run(spec, tinyOptions(folder, device));
    using model = await loadModel(device, `${own}/model`);
    assertEquals(model.architecture.linears[0].inputs, tinyConfig.n_embd);
    assertEquals(filesIn(own).includes("adapter"), false);
  }));

Deno.test("run: a specification names its loss", async () => {
  using device = await openCpuDevice({ threads: 2 });
  const losses: number[] = [];
  const runWith = (training: Partial<RunSpec["training"]>) =>
    withFolder(async (folder) => {
      const spec = tinySpec(1), targets = hostTensor([10, 11], new Float32Array(110).fill(0.5));
      const { log } = await run({ ...spec, training: { ...spec.training, ...training } }, {
        ...tinyOptions(folder, device),
        openBatches: () => {
          const [batch] = randomBatches(1, { seed: 4 });
          return [training.objective ? { ...batch, targets } : batch];
        },
      });
      losses.push(log.loss[0]);
    });
  await runWith({});
  await runWith({ labelSmoothing: 0.3 });
  await runWith({ objective: "kl-divergence" });
  await runWith({ objective: "squared-error" });
  assertEquals(new Set(losses).size, 4, losses.join());
  assert(losses.every((loss) => loss > 0), losses.join());
  const hinge = runWith({ objective: "hinge" as "squared-error" });
  await assertRejects(() => hinge, RangeError, 'kl-divergence, squared-error, found "hinge"');
});

Deno.test("run: a run that cannot start makes no folder, and says so before its first step", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(3), runs = `${folder}/runs`, options = tinyOptions(runs, device);
    const openModel = () => Promise.reject(new Error("no model"));
    await assertRejects(() => run(spec, { ...options, openModel }), Error, "no model");
    const onReady = (_: unknown, steps: number) => {
      assertEquals(steps, 0);
      throw new Error("not here");
    };
    await assertRejects(() => run(spec, { ...options, onReady }), Error, "not here");
    assertEquals(filesIn(folder), []);
  }));

Deno.test("run: what was cut off is handed over, and may be saved elsewhere", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(6), options = tinyOptions(folder, device);
    const controller = new AbortController(), cut: [number, unknown][] = [], saved: number[] = [];
    const more: Partial<RunOptions> = {
      onCut: ({ adapter, log }, failure) => {
        assert(adapter);
        return Promise.resolve(void cut.push([log.loss.length, failure]));
      },
      save: ({ log }) => Promise.resolve(void saved.push(log.loss.length)),
      onProgress: ({ step }) => void (step === 2 && controller.abort("enough")),
    };
    const signal = controller.signal;
    const stopped = await run(spec, { ...options, ...more, signal }).catch((reason) => reason);
    assertEquals([stopped, cut, saved], ["enough", [[4, "enough"]], []]);
    const { folder: own } = await run(spec, { ...options, ...more });
    assertEquals([saved, filesIn(own).includes("adapter")], [[6], false]);
    const replaced = { ...more, onCut: () => Promise.reject(new Error("kept nothing")) };
    const wild = { ...spec, training: { ...spec.training, learningRate: 1e38, weightDecay: 1e38 } };
    await assertRejects(() => run(wild, { ...options, ...replaced }), Error, "kept nothing");
  }));

Deno.test("run: the ledger is the run's own and what was predicted", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    using _ = device.allocate([1000], "f32", "weight", "somebody else's");
    device.allocate([1_000_000], "f32", "scratch", "gone before the run")[Symbol.dispose]();
    const spec = tinySpec(3, { kind: "full" });
    const openBatches = () => randomBatches(5, { lastLabel: 0 });
    const { ledger } = await run(spec, { ...tinyOptions(folder, device), openBatches });
    const predicted = predictMemory(gpt2ConfigJson(tinyConfig), { batch: 2, length: 5 });
    const { byRole, peakByRole, live, peak } = predicted;
    assertEquals(ledger, { byRole, peakByRole, live, peak });
    assertEquals(device.ledger.read().live, 4000);
  }));

Deno.test("run: an abort leaves a checkpoint and no result; the same call resumes", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const spec = tinySpec(9), files = await runFiles(folder, spec);
    const controller = new AbortController();
    const options = (steps: number[]): RunOptions => ({
      ...tinyOptions(folder, device),
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 3) controller.abort(new Error("enough"));
      },
    });
    const first: number[] = [], second: number[] = [];
    const stopped = run(spec, { ...options(first), signal: controller.signal });
    await assertRejects(() => stopped, Error, "enough");
    assertEquals(filesIn(files.folder), ["checkpoint.safetensors", "spec.json"]);
    assertEquals(await readRun(files, spec), undefined);
    assertEquals(device.ledger.read().live, 0);
    const { log, exact } = await run(spec, options(second));
    assertEquals([first, second], [[0, 1, 2, 3, 4], [5, 6, 7, 8]]);
    const whole = await run(spec, { ...tinyOptions(`${folder}/whole`, device) });
    assertEquals([log, exact], [whole.log, true]);
  }));

Deno.test("run: a stop hands on the values at the lowest held-out loss, and resumes after the last ones", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const { training, ...others } = tinySpec(9), validation = randomBatches(1, { seed: 9 });
    const spec = { ...others, training: { ...training, learningRate: 0.2, validateEvery: 3 } };
    const options = { ...tinyOptions(folder, device), openValidation: () => validation };
    /** The held-out losses until a stop after a step, and that of the model which it hands on. */
    const stoppedAfter = async (step: number) => {
      const controller = new AbortController(), found: number[][] = [];
      const stopped = run(spec, {
        ...options,
        signal: controller.signal,
        onProgress: (event) => void (event.step + 2 === step && controller.abort(Error("enough"))),
        onCut: async ({ model, log: { heldOut = [] } }) => {
          const { loss } = await evaluate(model, validation);
          found.push(heldOut.map(({ loss }) => loss), [loss]);
        },
      });
      await assertRejects(() => stopped, Error, "enough");
      return found.flat();
    };
    const [before, early] = await stoppedAfter(2);
    assertNotEquals(early, before, "the last values, as no others were measured");
    const points = await stoppedAfter(8), kept = points.pop()!;
    assertEquals([points.length, kept], [3, Math.min(...points)]);
    assertNotEquals(kept, points.at(-1));
    const { log } = await run(spec, options);
    const whole = await run(spec, { ...options, folder: `${folder}/whole` });
    assertEquals(log, whole.log);
  }));

Deno.test("run: a run that fails leaves no result and every byte", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const options = tinyOptions(folder, device);
    const fails = async (spec: RunSpec, more: Partial<RunOptions>, message: string) => {
      await assertRejects(() => run(spec, { ...options, ...more }), Error, message);
      assertEquals(await readRun(await runFiles(folder, spec), spec), undefined);
      assertEquals(device.ledger.read().live, 0);
    };
    const spec = tinySpec(3);
    await fails(spec, { openBatches: () => [] }, "needs batches, found none");
    await fails(spec, { measure: () => Promise.reject(new Error("no scale")) }, "no scale");
    const wild = { ...spec, training: { ...spec.training, learningRate: 1e38, weightDecay: 1e38 } };
    await fails(wild, {}, "training needs a finite loss");
    const unknown = { ...spec, method: { kind: "magic" } as unknown as RunSpec["method"] };
    await fails(unknown, {}, "one of full, lora, bitfit, ");
    using other = new DryDevice();
    await fails(spec, { device: other }, 'the run needs the device "cpu", found dry');
  }));

Deno.test("run: what fails after the last step finds a step to go", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = tinySpec(6), options = { ...tinyOptions(folder, device), checkpointEvery: 3 };
    const measure = () => Promise.reject(new Error("no scale"));
    await assertRejects(() => run(spec, { ...options, measure }), Error, "no scale");
    const steps: number[] = [];
    await run(spec, { ...options, onProgress: ({ step }) => steps.push(step) });
    assertEquals(steps, [3, 4, 5]);
  }));

Deno.test("run: a file that cannot be written leaves no result, whichever it is", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    for (const name of ["adapter", "log.json", "ledger.json", "metrics.json"]) {
      const spec = { ...tinySpec(2), data: { batches: 5, seed: 4, name } };
      const files = await runFiles(folder, spec);
      await Deno.mkdir(`${files.folder}/${name}/taken`, { recursive: true });
      if (name === "adapter") {
        await Deno.mkdir(`${files.adapter}/adapter_model.safetensors/taken`, { recursive: true });
      }
      await assertRejects(() => run(spec, tinyOptions(folder, device)), Error, "cannot write");
      assertEquals(await readRun(files, spec), undefined);
      await Deno.remove(`${files.folder}/${name}`, { recursive: true });
      assertEquals((await run(spec, tinyOptions(folder, device))).log.loss.length, 2);
    }
  }));

Deno.test("run: it trains what one would train by hand", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 2 });
    const spec = tinySpec(6), { training, seed } = spec;
    const { log } = await run(spec, tinyOptions(folder, device));
    using model = tinyModel(device);
    using _ = injectLora(model, { rank: 2, alpha: 4, sites: "all", dropout: 0.1, seed });
    const events = await collect(
      train(model, randomBatches(5, { seed: 4 }), { ...training, seed }),
    );
    assertEquals(log.loss, events.map(({ loss }) => loss));
  }));

Deno.test("run: resuming elsewhere says that the bits may differ", () =>
  withFolder(async (folder) => {
    const spec: RunSpec = { ...tinySpec(6), device: "reference" };
    using device = new ReferenceDevice();
    const signal = AbortSignal.abort(new Error("not today"));
    const controller = new AbortController();
    const options = tinyOptions(folder, device);
    await assertRejects(() => run(spec, { ...options, signal }), Error, "not today");
    const onProgress = () => controller.abort(new Error("later"));
    const stopped = run(spec, { ...options, onProgress, signal: controller.signal });
    await assertRejects(() => stopped, Error, "later");
    const result = await run(spec, options);
    assertEquals(result.exact, false);
    assertEquals(await run(spec, options), result);
    const other = await run({ ...spec, seed: 12 }, options);
    assert(other.exact);
    assertNotEquals(other.folder, (await run(spec, options)).folder);
  }));
