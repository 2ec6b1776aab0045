import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { checks } from "./checks.ts";
import { goldenChecks } from "./golden_checks.ts";

const ignore = !await webgpuAvailable();

for (const { name, run } of [...checks, ...goldenChecks]) {
  Deno.test({
    name: `webgpu: ${name}`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      await run(device, 2 ** -23);
    },
  });
}
