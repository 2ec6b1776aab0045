import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { checks } from "./checks.ts";

const ignore = !await webgpuAvailable();

for (const { name, run } of checks) {
  Deno.test({
    name: `webgpu: F16 weights: ${name}`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      await run(device, 2 ** -23);
    },
  });
}
