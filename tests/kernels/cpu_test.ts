import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { casesByKernel } from "./cases.ts";
import { runCase } from "./kernel_case.ts";

for (const [name, cases] of casesByKernel) {
  Deno.test(`cpu: ${name} within its bound`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    for (const trial of cases) await runCase(device, trial);
  });
}
