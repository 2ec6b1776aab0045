import { openCpuDevice } from "../../../src/device/cpu/cpu_device.ts";
import { checkLatency } from "./checks.ts";

Deno.test("the latency study measures every model on cpu, and frees them", async () => {
  using device = await openCpuDevice({ threads: 2 });
  await checkLatency(device);
});
