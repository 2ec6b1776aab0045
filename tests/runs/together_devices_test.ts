/** Runs at once on every device. */

import { assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";
import {
  adapterOn,
  atOnce,
  batchesOf,
  inARow,
  type MakeRun,
  mixedRuns,
  smallModel,
  watchLaunches,
} from "./together_fixtures.ts";

/**
 * Rounding moves a step of AdamW by as much as its rate where a gradient is nearly zero: losses are compared. Gives how
 * many passes alone there are for one at once.
 */
async function checkLosses(
  base: TextModel,
  makers: readonly MakeRun[],
  relative: number,
): Promise<number> {
  const before = watchLaunches(base.device), expected = await inARow(base, makers);
  const { attention_backward: alone } = before, launches = watchLaunches(base.device);
  const found = await atOnce(base, makers);
  found.forEach(({ history, error }, run) => {
    assertEquals(error, undefined, `run ${run}`);
    for (const name of ["loss", "gradientNorm", "learningRate"] as const) {
      const what = `run ${run}, ${name}`;
      assertAllClose(history[name], expected[run].history[name], { relative, what });
    }
  });
  return alone / launches.attention_backward;
}

/** One step, whose loss and gradients are the models' own. */
const stepOf = (seed: number, rank: number, rows: number): MakeRun => (base) => ({
  adapter: adapterOn(base, { rank, alpha: 3, targetModules: "all-linear", seed }),
  batches: batchesOf(seed, [7], { rows }),
  ...{ learningRate: 1e-3, steps: 1 },
});

async function checkBytes(device: Device): Promise<void> {
  using base = smallModel(device);
  await atOnce(base, mixedRuns.slice(0, 2)); // Whatever a device keeps from its first pass.
  const { live } = device.ledger.read();
  await atOnce(base, mixedRuns);
  assertEquals(device.ledger.read().live, live);
  assertEquals(base.linears.flatMap(({ adaptations }) => adaptations), []);
}

const models = [
  "gpt2_tiny",
  "gpt2_tiny_f16",
  "families/llama",
  "families/mistral",
  "families/bert_masked",
];

/** Properties that hold on every device. */
const checks: readonly Check[] = [
  {
    name: "runs at once have the losses and norms of the runs alone",
    async run(device, epsilon) {
      using base = smallModel(device);
      // The last run's rate is so large that rounding decides where it goes.
      await checkLosses(base, mixedRuns.slice(0, -1), epsilon < 1e-10 ? 1e-6 : 1e-3);
    },
  },
  ...models.map((name): Check => ({
    name: `${name}: a first step at once has the losses and norms of the steps alone`,
    async run(device) {
      using base = await loadModel(device, golden(name));
      const makers = [stepOf(1, 2, 2), stepOf(2, 1, 1), stepOf(3, 5, 3)];
      assertEquals(await checkLosses(base, makers, 1e-5), 3);
    },
  })),
  { name: "runs that have ended leave nothing behind", run: checkBytes },
];

await testOn(allDevices, checks);
