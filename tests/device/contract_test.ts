import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { deviceChecks, type Open } from "./contract.ts";

const devices: Record<string, Open> = {
  reference: () => new ReferenceDevice(),
  cpu: () => openCpuDevice({ threads: 2 }),
};

for (const [kind, open] of Object.entries(devices)) {
  for (const { name, run } of deviceChecks) Deno.test(`${kind}: ${name}`, () => run(open));
}
