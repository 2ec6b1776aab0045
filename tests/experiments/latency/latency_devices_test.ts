/** The models of the latency study, and how they are timed. */

import { assert, assertEquals } from "@std/assert";
import {
  launchMicros,
  openVariants,
  smallShape,
  timeCell,
} from "../../../experiments/latency/passes.ts";
import type { Device } from "../../../src/device/device.ts";
import { DryDevice } from "../../../src/device/dry.ts";
import { outputsOf } from "../../../src/models/mod.ts";
import { cpu, testOn, webgpu } from "../../support/devices.ts";
import { tracesOn } from "./traces.ts";

/** All compute the same at first: the base, its twin and adapters to the bit, LoRA up to rounding. */
async function checkModels(device: Device): Promise<void> {
  using opened = openVariants(device, smallShape, [2]);
  const inputs = { tokens: { shape: [1, 4], data: Uint32Array.of(1, 2, 3, 4) } };
  const outputs = await Promise.all(
    opened.models.map(async ([{ model }, one]) =>
      [model, (await outputsOf(one, inputs)).data] as const
    ),
  );
  const [[, base]] = outputs;
  for (const [name, data] of outputs) assertEquals(data, base, name);
  const models = opened.models.map(([, model]) => model);
  const { rounds, timings } = await timeCell(models, [1, 4], { seconds: 0, leastRounds: 2 });
  assertEquals([rounds, timings.length], [2, models.length]);
}

/** It traces the launches that dry records, the base's and merged LoRA's alike. */
async function checkTraces(device: Device): Promise<void> {
  using dry = new DryDevice();
  const traced = await tracesOn(device, 10, [1, 4]), [base, , merged] = traced;
  assertEquals([traced, merged], [await tracesOn(dry, 10, [1, 4]), base]);
}

await testOn([cpu, webgpu], [
  { name: "at first all models compute the same, and each is timed", run: checkModels },
  { name: "the launches are those that dry records", run: checkTraces },
  {
    name: "a launch takes some time",
    run: async (device) => assert(await launchMicros(device) > 0),
  },
]);
