import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { checkAgainstReference, layouts } from "./attention_checks.ts";

const ignore = !await webgpuAvailable();

for (const layout of layouts) {
  Deno.test({
    name: `webgpu: attention and its gradient are the reference's: ${layout.name}`,
    ignore,
    fn: async () => {
      using device = await openWebgpuDevice();
      await checkAgainstReference(device, layout);
    },
  });
}
