import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { narrowChecks } from "./narrow_checks.ts";

for (const { name, run } of narrowChecks) {
  Deno.test(`reference: ${name}`, async () => {
    using device = new ReferenceDevice();
    await run(device);
  });
  Deno.test(`cpu: ${name}`, async () => {
    using device = await openCpuDevice({ threads: 2, blas: false });
    await run(device);
  });
}
