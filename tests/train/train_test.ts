import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { checks as trainChecks } from "./train_checks.ts";
import { checks as trajectoryChecks } from "./trajectory_checks.ts";

const devices: Record<string, () => Device | Promise<Device>> = {
  reference: () => new ReferenceDevice(),
  cpu: () => openCpuDevice({ threads: 2 }),
};

for (const [kind, open] of Object.entries(devices)) {
  for (const { name, run } of [...trajectoryChecks, ...trainChecks]) {
    Deno.test(`${kind}: ${name}`, async () => {
      using device = await open();
      await run(device);
    });
  }
}
