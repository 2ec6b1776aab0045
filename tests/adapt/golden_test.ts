import { ReferenceDevice } from "../../src/device/reference.ts";
import { goldenChecks } from "./golden_checks.ts";

for (const { name, run } of goldenChecks) {
  Deno.test(`reference: ${name}`, async () => {
    using device = new ReferenceDevice();
    await run(device, 2 ** -52);
  });
}
