import { assertEquals, assertRejects } from "@std/assert";
import { fill } from "../../kernels/mod.ts";
import { DeviceError } from "../../src/core/errors.ts";
import { DryDevice } from "../../src/device/dry.ts";

Deno.test("the dry device counts terabytes that no machine has", () => {
  using device = new DryDevice();
  using _ = device.allocate([175_000_000_000], "f32", "weight", "GPT-3");
  assertEquals(device.ledger.read().byRole.weight, 700_000_000_000);
});

Deno.test("the dry device runs kernels on more elements than 32 bits count", () => {
  using device = new DryDevice();
  using y = device.allocate([3, 2 ** 32], "f32", "activation", "y");
  device.launch(fill, { y }, { size: y.size, value: 0 });
  assertEquals(device.ledger.launches.get("fill > activation"), 1);
});

Deno.test("the dry device cannot be read", async () => {
  using device = new DryDevice();
  using x = device.allocate([1], "f32", "weight", "x");
  await assertRejects(() => device.read(x), DeviceError, "holds values");
});
