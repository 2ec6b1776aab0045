import { assertEquals } from "@std/assert";
import { ReferenceDevice } from "../../../src/device/reference.ts";
import { coreDevices, testOn } from "../../support/devices.ts";
import { assertGradients } from "../../support/finite_differences.ts";
import { checks } from "./checks.ts";
import { disturb, lossOf, methods, openFamily, pairs } from "./prefixes.ts";

await testOn(coreDevices, checks);

for (const [kind, name] of pairs) {
  Deno.test(`${kind} on ${name}: gradients equal finite differences`, async () => {
    using device = new ReferenceDevice();
    using model = await openFamily(device, name);
    using adapter = methods[kind](model, { length: 3, seed: 1 });
    await disturb(adapter);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    await assertGradients(device, adapter.parameters, (tape) => lossOf(tape, model));
  });
}
