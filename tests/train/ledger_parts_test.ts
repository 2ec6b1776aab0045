import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { checkLedgers } from "./ledger_checks.ts";

Deno.test({
  name: "ledger: dry equals webgpu by role, live and peak",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    using device = await openWebgpuDevice();
    checkLedgers(device);
  },
});
