/** Punica's own widths, 4096 and 11008, which take too long for every run; the narrow ones are with the other cases. */

import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { punicaCases } from "./cases/segment_product.ts";
import { runCase } from "./kernel_case.ts";

const devices = [
  { name: "cpu", open: () => openCpuDevice({ threads: 2, blas: false }), ignore: false },
  { name: "webgpu", open: () => openWebgpuDevice(), ignore: !await webgpuAvailable() },
];

for (const { name, open, ignore } of devices) {
  for (const width of [4096, 11008]) {
    Deno.test({
      name: `${name}: segment_product at Punica's ranks and batches, width ${width}`,
      ignore,
      fn: async () => {
        using device = await open();
        for (const trial of punicaCases([width])) await runCase(device, trial);
      },
    });
  }
}
