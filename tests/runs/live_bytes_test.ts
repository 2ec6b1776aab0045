import { coreDevices } from "../adapt/fixtures.ts";
import { checks } from "./live_bytes_checks.ts";

for (const { name: kind, open } of coreDevices) {
  for (const { name, run } of checks) {
    Deno.test(`${kind}: ${name}`, async () => {
      using device = await open();
      await run(device);
    });
  }
}
