import { goldenChecks } from "./golden_checks.ts";
import { coreDevices } from "./fixtures.ts";

for (const device of coreDevices) {
  for (const { name, run } of goldenChecks) {
    Deno.test(`${device.name}: ${name}`, async () => {
      using opened = await device.open();
      await run(opened, device.epsilon);
    });
  }
}
