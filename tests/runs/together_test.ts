/** Runs at once: bits on `cpu`, bytes on `dry`, launches, and runs that fail or end. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Batch, ModelInputs } from "../../src/core/batch.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import type { Kernel } from "../../kernels/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import type { AnyBindings, Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel, type LoadModelOptions } from "../../src/models/mod.ts";
import { type RunTogether, trainTogether } from "../../src/runs/mod.ts";
import { JointTrainer } from "../../src/runs/together.ts";
import { Trainer } from "../../src/train/mod.ts";
import { golden } from "../support/golden.ts";
import {
  adapterOn,
  assertSame,
  atOnce,
  batchesOf,
  config,
  inARow,
  type MakeRun,
  mixedRuns,
  smallModel,
  watchLaunches,
} from "./together_fixtures.ts";

for (const threads of [1, 2, 4]) {
  Deno.test(`cpu: ${threads} threads without BLAS give the bits of the runs alone`, async () => {
    using device = await openCpuDevice({ threads, blas: false });
    using base = smallModel(device);
    const expected = await inARow(base, mixedRuns), found = await atOnce(base, mixedRuns);
    found.forEach((outcome, run) => {
      assertEquals(outcome.error, undefined);
      assertSame(outcome, expected[run], `run ${run}`);
    });
    assert(found.at(-1)!.history.steps < 10, "the last run's patience should have ended it");
  });
}

const bases: readonly (readonly [name: string, options?: LoadModelOptions])[] = [
  ["gpt2_tiny_f16"],
  ["gpt2_tiny", { dtype: "nf4", blockSize: 64 }],
  ["families/llama"],
  ["families/mistral"],
  ["families/bert_masked"],
];

for (const [name, options] of bases) {
  Deno.test(`cpu: ${name} ${options?.dtype ?? ""} gives the bits of the runs alone`, async () => {
    using device = await openCpuDevice({ threads: 2, blas: false });
    using base = await loadModel(device, golden(name), options);
    const makers = [2, 5, 3].map((rank) => plainRun(rank));
    const expected = await inARow(base, makers), launches = watchLaunches(device);
    const found = await atOnce(base, makers);
    found.forEach((outcome, run) => assertSame(outcome, expected[run], `run ${run}`));
    assert(launches.segment_outer > 0, "the runs should have been at once");
  });
}

for (const name of ["gpt2_tiny", "families/bert_masked"]) {
  Deno.test(`cpu: ${name} with sequences of several lengths gives the bits of the runs alone`, async () => {
    using device = await openCpuDevice({ threads: 2, blas: false });
    using base = await loadModel(device, golden(name));
    const makers = [2, 5, 3].map((rank) => plainRun(rank, { batches: [ragged(rank)] }));
    const expected = await inARow(base, makers), launches = watchLaunches(device);
    const found = await atOnce(base, makers);
    found.forEach((outcome, run) => assertSame(outcome, expected[run], `run ${run}`));
    assert(launches.segment_outer > 0, "the runs should have been at once");
  });
}

Deno.test("cpu: runs that keep their padding leave the others the bits of the runs alone", async () => {
  using device = await openCpuDevice({ threads: 2, blas: false });
  using base = smallModel(device);
  const left = { batches: batchesOf(1, [8], { rows: 3, masked: true }) };
  const full = { batches: [ragged(6, [8, 8, 8])] }, odd = ragged(7);
  odd.targets.data[15] = 1; // of a hidden token
  const makers = [
    plainRun(4, left),
    ...[2, 5].map((seed) => plainRun(seed, { batches: [ragged(seed)] })),
    plainRun(6, full),
    plainRun(3, left),
    plainRun(7, { batches: [odd] }),
  ];
  const expected = await inARow(base, makers), launches = watchLaunches(device);
  const found = await atOnce(base, makers);
  found.forEach((outcome, run) => assertSame(outcome, expected[run], `run ${run}`));
  const steps = 4, passes = 2;
  assertEquals(launches.attention_forward, config.n_layer * steps * passes);
});

/** Three rows of eight tokens, of which so many are seen. */
function ragged(seed: number, lengths: readonly number[] = [8, 3, 6]): Batch {
  const [{ inputs: { tokens }, targets }] = batchesOf(seed, [8], { rows: 3 });
  const isSeen = (i: number) => i % 8 < lengths[Math.floor(i / 8)];
  return {
    inputs: {
      tokens,
      attentionMask: hostTensor([3, 8], tokens.data.map((_, i) => Number(isSeen(i)))),
    },
    targets: hostTensor([3, 8], targets.data.map((label, i) => isSeen(i) ? label : -100)),
  };
}

/** A run of batches of one length. */
const plainRun = (seed: number, options: Partial<RunTogether> = {}): MakeRun => (base) => ({
  adapter: adapterOn(base, { rank: seed, targetModules: "all-linear", seed }),
  batches: batchesOf(seed, [6]),
  ...{ learningRate: 1e-2, steps: 4, ...options },
});

Deno.test("the base runs once for all, and low-rank parts take as many launches for 6 runs as for 2", async () => {
  const launchesOf = async (count: number) => {
    using device = new ReferenceDevice();
    using base = smallModel(device);
    const launches = watchLaunches(device);
    await atOnce(base, Array.from({ length: count }, (_, i) => plainRun(i + 1)));
    return launches;
  };
  const [two, six] = [await launchesOf(2), await launchesOf(6)];
  const layers = 8, steps = 4; // Inputs of the first layer have no gradient.
  for (const counts of [two, six]) {
    assertEquals(counts.segment_outer, 2 * layers * steps);
    assertEquals(counts.segment_product, (4 * layers - 1) * steps);
  }
  for (const name of ["matmul", "attention_forward", "attention_backward", "gelu_forward"]) {
    assertEquals(six[name], two[name], name);
  }
});

/** The losses of the first run that stays, beside another one at once, and alone. */
async function assertUntouched(other: MakeRun, message: RegExp): Promise<void> {
  using device = await openCpuDevice({ threads: 2, blas: false });
  using base = smallModel(device);
  const makers = [plainRun(1), other, plainRun(3)];
  const found = await atOnce(base, makers);
  const [first, last] = await inARow(base, [makers[0], makers[2]]);
  assertSame(found[0], first, "the first");
  assertSame(found[2], last, "the last");
  assertEquals(found.map(({ error }) => error !== undefined), [false, true, false]);
  assert(message.test(String(found[1].error)), String(found[1].error));
}

Deno.test("a run that diverges, from its first step or later, leaves the bits of the others", async () => {
  await assertUntouched((base) => {
    const run = plainRun(2)(base), { tensor } = run.adapter.sites[0].A;
    tensor.device.write(tensor, new Float32Array(tensor.size).fill(NaN));
    return run;
  }, /a finite loss, found NaN at step 1 of 4/);
  await assertUntouched(
    plainRun(2, { learningRate: 1e30 }),
    /a finite \w+, found \S+ at step 2 of 4/,
  );
});

Deno.test("a batch that a model refuses ends its own run", async () => {
  const [good, bad, short] = [...batchesOf(2, [6, 6]), ...batchesOf(2, [3])];
  bad.inputs.tokens.data[4] = config.vocab_size;
  const swapped = { inputs: good.inputs, targets: short.targets };
  await assertUntouched(plainRun(2, { batches: [good, bad] }), /RangeError: .*37/);
  await assertUntouched(plainRun(2, { batches: [good, good, swapped] }), /ShapeError: .*labels/);
  await assertUntouched(plainRun(2, { batches: [] }), /needs batches, found none/);
  await assertUntouched(plainRun(2, { batches: [good, {} as never] }), /TypeError: a batch needs/);
  await assertUntouched(
    plainRun(2, { batches: [{ ...good, inputs: {} as never }] }),
    /TypeError|ShapeError/,
  );
});

Deno.test("a run that is stopped leaves the others, and leaving the loop ends all", async () => {
  using device = await openCpuDevice({ threads: 1, blas: false });
  using base = smallModel(device);
  const stop = new AbortController(), { live } = device.ledger.read();
  {
    using owner = new DisposableStack();
    const runs = [plainRun(1), plainRun(2, { signal: stop.signal }), plainRun(3)].map((make) =>
      make(base)
    );
    for (const { adapter } of runs) owner.use(adapter);
    const trainings = trainTogether(runs);
    const steps: string[] = [];
    for await (const { run, step } of trainings) {
      steps.push(`${run} ${step}`);
      if (run === 1 && step === 1) stop.abort();
      if (run === 2 && step === 2) break;
    }
    assertEquals(steps.filter((one) => one.startsWith("1")), ["1 0", "1 1", "1 2"]);
    assertEquals(trainings.runs[1].history.stopped, true);
    assertEquals(trainings.runs.map(({ error }) => error), [undefined, undefined, undefined]);
  }
  assertEquals(device.ledger.read().live, live);
});

Deno.test("where every run fails, so does the whole", async () => {
  using device = new ReferenceDevice();
  using base = smallModel(device);
  const none = { batches: [] };
  await assertRejects(
    () => atOnce(base, [plainRun(1, none), plainRun(2, none)]),
    RangeError,
    "found none",
  );
});

Deno.test("a device that fails in a pass of all ends all runs: none tries by itself", async () => {
  using device = new ReferenceDevice();
  using base = smallModel(device);
  const launch = device.launch.bind(device);
  device.launch = (kernel: Kernel, ...rest: [AnyBindings, Record<string, number>]) => {
    if (kernel.name === "segment_product") throw new DeviceError("the device is lost");
    launch(kernel, ...rest);
  };
  const makers = [plainRun(1), plainRun(2)];
  await assertRejects(() => atOnce(base, makers), DeviceError, "the device is lost");
});

Deno.test("values are copied once for a step, however many batches it has", async () => {
  const copiesOf = async (accumulation: number) => {
    using device = new ReferenceDevice();
    using base = smallModel(device);
    const launch = device.launch.bind(device), counts = { loads: 0, passes: 0 };
    device.launch = (kernel: Kernel, bindings: AnyBindings, scalars: Record<string, number>) => {
      if (bindings.y?.label === "adapters in training") counts.loads++;
      if (kernel.name === "attention_forward") counts.passes++;
      launch(kernel, bindings, scalars);
    };
    await atOnce(base, [1, 2].map((seed) => plainRun(seed, { accumulation })));
    return counts;
  };
  const [one, four] = [await copiesOf(1), await copiesOf(4)];
  assert(one.loads >= 2 * 4, `${one.loads} for two adapters and four steps`);
  assertEquals(four, { loads: one.loads, passes: 4 * one.passes });
});

/** The bytes of two steps of three runs, of which one has batches of another length. */
function readings(device: Device) {
  using base = smallModel(device);
  const { live } = device.ledger.read();
  device.ledger.resetPeak();
  {
    using owner = new DisposableStack();
    const adapters = [1, 2, 5].map((rank) =>
      owner.use(adapterOn(base, { rank, sites: ["q", "v", "up"], seed: rank }))
    );
    const joint = owner.use(new JointTrainer(adapters));
    const parts = adapters.map((adapter, group) => {
      const groups = [{ parameters: adapter.parameters }];
      const trainer = owner.use(
        new Trainer<ModelInputs>(adapter.model as typeof base, {
          learningRate: 1e-3,
          steps: 2,
          groups,
        }),
      );
      return { group, trainer, batches: batchesOf(group, [group === 2 ? 4 : 8]) };
    });
    for (let step = 0; step < 2; step++) joint.step(parts);
  }
  const read = device.ledger.read();
  assertEquals(read.live, live);
  return read;
}

Deno.test("dry predicts every byte of runs at once", () => {
  using dry = new DryDevice();
  using reference = new ReferenceDevice();
  assertEquals(readings(dry), readings(reference));
});
