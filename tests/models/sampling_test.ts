import { assertEquals, assertRejects } from "@std/assert";
import { DeviceError } from "../../src/core/errors.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { generate, initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import { checks } from "./sampling_checks.ts";

await testOn(coreDevices, checks);

Deno.test("dry: generating launches a step, cannot be read, and leaves no live byte", async () => {
  using device = new DryDevice();
  const sizes = { vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
  const before = device.ledger.read().live;
  const made = () => Array.fromAsync(generate(model, [1, 2], { maxNewTokens: 4 }));
  await assertRejects(made, DeviceError, "needs a device that holds values");
  assertEquals(device.ledger.read().live, before);
});
