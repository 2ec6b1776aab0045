import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { checks } from "./golden_checks.ts";

for (const { name, run } of checks) {
  Deno.test(`reference: ${name}`, async () => {
    using device = new ReferenceDevice();
    await run(device);
  });
  Deno.test(`cpu: ${name}`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    await run(device);
  });
}
