import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { checks as trainChecks } from "./train_checks.ts";
import { checks as trajectoryChecks } from "./trajectory_checks.ts";

const ignore = !await webgpuAvailable();

for (const { name, run } of [...trajectoryChecks, ...trainChecks]) {
  Deno.test({
    name: `webgpu: ${name}`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      await run(device);
    },
  });
}
