/** Every kernel in WGSL against its float64 reference. */

import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { casesByKernel } from "./cases.ts";
import { runCase } from "./kernel_case.ts";

const ignore = !await webgpuAvailable();

for (const [name, cases] of casesByKernel) {
  Deno.test({
    name: `webgpu: ${name} is within its error bound`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      for (const trial of cases) await runCase(device, trial);
    },
  });
}
