/** The dry device's bytes against those of devices that allocate. */

import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { type Gpt2Config, initGpt2 } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { allDevices, testOn } from "../support/devices.ts";
import { randomBatches } from "./fixtures.ts";
import { type Method, methods, shapes } from "./ledger_cases.ts";

/** Live and peak bytes by role after two steps, and the peak of the second alone. */
function ledgerOf(device: Device, config: Gpt2Config, method: Method) {
  const { lora, dropout, optimizer, accumulation = 1, activationCheckpointing } = method;
  device.ledger.resetPeak();
  using model = initGpt2(device, config, { seed: 1, dropout });
  using _ = lora && injectLora(model, { ...lora, seed: 1 });
  using trainer = new Trainer(model, {
    ...{ learningRate: 1e-3, steps: 2 },
    ...{ accumulation, optimizer, activationCheckpointing },
  });
  const vocabulary = config.vocab_size, time = config.n_positions - 1;
  const batches = randomBatches(accumulation, { vocabulary, time, rows: 3 });
  trainer.step(batches);
  const first = device.ledger.read();
  device.ledger.resetPeak();
  trainer.step(batches);
  return { first, second: device.ledger.read() };
}

function checkLedgers(device: Device, config: Gpt2Config): void {
  using dry = new DryDevice();
  for (const [name, method] of Object.entries(methods)) {
    const found = ledgerOf(device, config, method);
    assertEquals(found, ledgerOf(dry, config, method), name);
    const { byRole, peak, live } = found.second;
    assert(peak > live, "a step needs more than what stays");
    assertEquals(byRole.activation, 0);
    if (!method.optimizer) assertEquals(byRole.optimizer, 2 * byRole.gradient);
    assertEquals(byRole.gradient, method.lora ? byRole.adapter : byRole.weight);
  }
}

await testOn(
  allDevices,
  Object.entries(shapes).map(([shape, config]) => ({
    name: `${shape}: dry has the same bytes by role, live and at the peak`,
    run: (device) => checkLedgers(device, config),
  })),
);
