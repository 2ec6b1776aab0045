import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { boundaryChecks } from "./boundaries.ts";
import { deviceChecks, type Open } from "./contract.ts";

const devices: Record<string, Open> = {
  reference: () => new ReferenceDevice(),
  cpu: () => openCpuDevice({ threads: 2 }),
};

for (const [kind, open] of Object.entries(devices)) {
  for (const { name, run } of [...deviceChecks, ...boundaryChecks]) {
    Deno.test(`${kind}: ${name}`, () => run(open));
  }
}

for (const { name, run } of boundaryChecks) {
  Deno.test(`dry: ${name}`, () => run(() => new DryDevice()));
}
