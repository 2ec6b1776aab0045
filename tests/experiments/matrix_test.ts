import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { checkMatrix } from "./matrix_checks.ts";

Deno.test("matrix: forward, merge and unmerge in pieces are right to rounding and bit on cpu", async () => {
  using device = await openCpuDevice({ threads: 2 });
  await checkMatrix(device);
});
