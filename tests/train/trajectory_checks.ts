/** Checks of whole training runs that every device has to pass. @module */

import { assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { reorient } from "../../src/models/transpose.ts";
import { emptyLog, logStep, train } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import {
  golden,
  goldenBatches,
  goldenRuns,
  goldenStart,
  readGoldenRun,
  type Start,
} from "./golden_runs.ts";
import type { Check } from "../support/devices.ts";

/** Every golden run, losses to 2e-5. */
export const checks: Check[] = goldenRuns.map((name) => ({
  name: `trajectory ${name} equals PyTorch's`,
  run: async (device) => {
    const { config, log } = await readGoldenRun(name);
    const ours = emptyLog(), events: number[] = [];
    using start = await goldenStart(device, name);
    for await (const event of train(start.model, await goldenBatches(), config)) {
      logStep(ours, event);
      events.push(event.step);
    }
    assertEquals(events, log.loss.map((_, step) => step));
    assertAllClose(ours.loss, log.loss, { absolute: 2e-5, relative: 0, what: "loss" });
    assertAllClose(ours.gradientNorm, log.gradientNorm, {
      absolute: 2e-5,
      relative: 0,
      what: "norm",
    });
    assertEquals(ours.learningRate, log.learningRate);
    if (name === "full_linear") await checkModel(device, start);
    if (name === "lora_linear") await checkAdapter(start);
  },
}));

/** The key slice of `c_attn.bias` has a true gradient of zero: Adam turns its noise into steps. */
const keyBias = /attn\.c_attn\.bias$/;

async function checkModel(device: Device, { model }: Start): Promise<void> {
  const { tensors } = await readSafetensors(`${golden}trajectories/full_linear.final.safetensors`);
  const width = model.linears[0].weight.shape[1];
  for (const spec of model.architecture.tensors) {
    const { name } = spec, expected = reorient(spec, tensors.get(name)!).data;
    const [{ data }] = await device.read(model.parameters.get(name)!.tensor);
    const keep = (_: unknown, i: number) => !keyBias.test(name) || i < width || i >= 2 * width;
    assertAllClose([...data].filter(keep), [...expected].filter(keep), {
      absolute: 1e-4,
      relative: 0,
      what: name,
    });
  }
}

async function checkAdapter({ adapter }: Start): Promise<void> {
  const file = `${golden}trajectories/lora_linear_final/adapter_model.safetensors`;
  const { tensors } = await readSafetensors(file);
  for (const { module, A, B } of await adapter!.read()) {
    for (const [letter, { data }] of Object.entries({ A, B })) {
      const key = `base_model.model.${module}.lora_${letter}.weight`;
      assertAllClose(data, tensors.get(key)!.data, { absolute: 1e-4, relative: 0, what: key });
    }
  }
}
