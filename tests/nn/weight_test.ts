/** Weights in another storage on the devices that every machine has. */

import { coreDevices } from "../adapt/fixtures.ts";
import { checks } from "./checks.ts";

for (const device of coreDevices) {
  for (const { name, run } of checks) {
    Deno.test(`${device.name}: F16 weights: ${name}`, async () => {
      using opened = await device.open();
      await run(opened, device.epsilon);
    });
  }
}
