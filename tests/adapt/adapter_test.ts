import { ReferenceDevice } from "../../src/device/reference.ts";
import { checks } from "./checks.ts";

for (const { name, run } of checks) {
  Deno.test(`reference: ${name}`, async () => {
    using device = new ReferenceDevice();
    await run(device, 2 ** -52);
  });
}
