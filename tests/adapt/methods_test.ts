import { ReferenceDevice } from "../../src/device/reference.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import { gradientChecks, methodChecks } from "./method_checks.ts";

await testOn(coreDevices, methodChecks);

for (const { name, run } of gradientChecks) {
  Deno.test(`reference: ${name}`, async () => {
    using device = new ReferenceDevice();
    await run(device, 2 ** -52);
  });
}
