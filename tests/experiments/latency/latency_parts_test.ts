import { openDevice } from "../../../src/device/mod.ts";
import { webgpuAvailable } from "../../support/parts.ts";
import { checkLatency } from "./checks.ts";

Deno.test({
  name: "the latency study measures every model on webgpu, and frees them",
  ignore: !await webgpuAvailable(),
  fn: async () => {
    using device = await openDevice({ kind: "webgpu" });
    await checkLatency(device);
  },
});
