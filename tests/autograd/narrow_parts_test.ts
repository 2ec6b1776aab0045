import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { narrowChecks } from "./narrow_checks.ts";

const ignore = !await webgpuAvailable();

for (const { name, run } of narrowChecks) {
  Deno.test({
    name: `webgpu: ${name}`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      await run(device);
    },
  });
}
